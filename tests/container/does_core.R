# What each package of r-core.txt does: see does.R.

core <- list(
  dplyr = function() {
    groups <- dplyr::group_by(data.frame(g = c("a", "a", "b"), v = 1:3), g)
    holds(dplyr::summarise(groups, s = sum(v))$s == c(3, 3))
  },
  tidyr = function() holds(dim(tidyr::pivot_longer(data.frame(a = 1:2, b = 3:4), c("a", "b"))) == c(4, 2)),
  tibble = function() holds(tibble::tibble(a = 1:2, b = a * 2)$b == c(2, 4)),
  readr = function() {
    readr::write_csv(line, "line.csv")
    holds(near(readr::read_csv("line.csv")$y, line$y))
  },
  purrr = function() holds(purrr::map_dbl(1:3, ~ .x^2) == c(1, 4, 9)),
  stringr = function() holds(stringr::str_extract("a12b", "[0-9]+") == "12"),
  forcats = function() holds(levels(forcats::fct_infreq(c("a", "b", "b"))) == c("b", "a")),
  data.table = function() {
    table <- data.table::data.table(g = c("a", "a", "b"), v = 1:3, key = "g")
    data.table::fwrite(table, "table.csv")
    holds(data.table::fread("table.csv")$v == 1:3, data.table::rbindlist(list(table, table))[, .N] == 6)
  },
  Rcpp = function() holds(Rcpp::evalCpp("std::vector<int>(42).size()") == 42),
  ggplot2 = function() holds(draws(plot_of() + ggplot2::geom_line())),
  svglite = function() {
    ggplot2::ggsave("plot.svg", plot_of(), device = svglite::svglite, width = 2, height = 2)
    holds(any(grepl("<svg", readLines("plot.svg", warn = FALSE), fixed = TRUE)))
  },
  jsonlite = function() holds(jsonlite::fromJSON(jsonlite::toJSON(list(a = 1:3)))$a == 1:3),
  httr = function() {
    answer <- served(function(url) httr::GET(url))
    holds(httr::status_code(answer) == 200, unlist(httr::content(answer)$a) == 1:2)
  },
  curl = function() holds(rawToChar(served(curl::curl_fetch_memory, "hello")$content) == "hello"),
  knitr = function() holds(grepl("[1] 42", knitr::knit(text = "```{r}\n6 * 7\n```", quiet = TRUE), fixed = TRUE)),
  rmarkdown = function() {
    writeLines(c("# Answer", "```{r}", "6 * 7", "```"), "page.Rmd")
    rmarkdown::render("page.Rmd", "html_document", quiet = TRUE)
    holds(any(grepl("[1] 42", readLines("page.html", warn = FALSE), fixed = TRUE)))
  },
  remotes = function() {
    dir.create("meldasource/R", recursive = TRUE)
    about <- c("Package: meldasource", "Version: 1.0", "Title: A", "Description: A.", "License: GPL-3")
    writeLines(c(about, "Author: A", "Maintainer: A <a@b.c>"), "meldasource/DESCRIPTION")
    writeLines("export(answer)", "meldasource/NAMESPACE")
    writeLines("answer <- function() 42", "meldasource/R/answer.R")
    dir.create("library")
    remotes::install_local("meldasource", lib = "library", dependencies = FALSE, upgrade = "never", quiet = TRUE)
    holds(getExportedValue(loadNamespace("meldasource", lib.loc = "library"), "answer")() == 42)
  }
)
