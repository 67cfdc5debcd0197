# What does_core.R and does_datascience.R use, and what runs them: each package does its main thing, once, in an image
# by its own Rscript, with the names of packages; a line for each that fails.
# No display, no browser, no network; R 4.0 to 4.5, packages of Debian 11 to 13 and of CRAN.

# Stop, unless each is true; where there is nothing to compare, it is not.
holds <- function(...) {
  stopifnot(...)
  stopifnot("there is nothing to compare" = lengths(list(...)) > 0)
}
starts <- function(path, head) identical(rawToChar(readBin(path, "raw", nchar(head))), head)
is_png <- function(path) identical(readBin(path, "raw", 4L), as.raw(c(0x89, 0x50, 0x4e, 0x47)))
near <- function(is, should) length(is) == length(should) && max(abs(unname(is) - should)) < 1e-6
line <- data.frame(x = c(1, 2, 3, 4), y = c(2.1, 3.9, 6.2, 7.8))
two <- subset(iris, Species != "setosa")
two$Species <- factor(two$Species)
half <- iris[seq(1, 150, 2), ]
# The share of flowers that are recognised.
right <- function(said, true = iris$Species) mean(as.character(said) == as.character(true))
saved <- function(widget, says, selfcontained = FALSE) {
  htmlwidgets::saveWidget(widget, "widget.html", selfcontained = selfcontained)
  any(grepl(says, readLines("widget.html", warn = FALSE), fixed = TRUE))
}
draws <- function(plot) {
  ggplot2::ggsave("plot.png", plot, width = 2, height = 2, dpi = 50)
  is_png("plot.png")
}
plot_of <- function() ggplot2::ggplot(line, ggplot2::aes(x, y)) + ggplot2::geom_point()
# What a client makes of the answer of a server, which answers once. It is no fork: a fork holds up the end of R for
# minutes where another package looks after children.
served <- function(client, body = "{\"a\": [1, 2]}", type = "application/json") {
  port <- 20000L + Sys.getpid() %% 10000L
  serve <- function(port, body, type) {
    listener <- serverSocket(port)
    file.create("listens")
    connection <- socketAccept(listener, blocking = TRUE, open = "r+", timeout = 20)
    while (nzchar(sub("\r", "", readLines(connection, 1L)))) NULL
    about <- c(paste("Content-Type:", type), paste("Content-Length:", nchar(body)))
    head <- c("HTTP/1.1 200 OK", "Connection: close", about)
    cat(paste0(c(head, "", body), collapse = "\r\n"), file = connection)
    close(connection)
  }
  unlink("listens")
  dump("serve", "serve.R")
  cat("\n", deparse(call("serve", port, body, type)), "\n", file = "serve.R", append = TRUE)
  system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "serve.R"), wait = FALSE, stdin = "/dev/null")
  for (tenth in 1:200) if (file.exists("listens")) break else Sys.sleep(0.1)
  Sys.setenv(no_proxy = "127.0.0.1")
  client(paste0("http://127.0.0.1:", port))
}

# Return why it failed, or NULL.
try_one <- function(name, does) {
  tryCatch(
    {
      if (is.null(does[[name]])) stop("it has no entry")
      suppressWarnings(suppressMessages(does[[name]]()))
      NULL
    },
    error = function(error) paste0(name, ": ", gsub("\\s+", " ", substr(conditionMessage(error), 1, 500)), "\n")
  )
}

# Write what failed of the packages that the command line names.
main <- function(does) {
  dir.create(here <- tempfile())
  setwd(here)
  sink("said.txt")
  failed <- unlist(lapply(commandArgs(trailingOnly = TRUE), try_one, does))
  sink()
  cat(failed, sep = "")
}
