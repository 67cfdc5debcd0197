# What each package of r-datascience.txt does: see does.R.

datascience <- list(
  # language and infrastructure
  rlang = function() holds(rlang::eval_tidy(rlang::expr(x + !!1), list(x = 2)) == 3),
  cli = function() holds(cli::ansi_strip(cli::col_red("red")) == "red"),
  vctrs = function() holds(identical(vctrs::vec_c(1L, 2.5), c(1, 2.5))),
  glue = function() holds(glue::glue("{6 * 7}") == "42"),
  lifecycle = function() {
    said <- tryCatch(lifecycle::deprecate_warn("1.0.0", "old()", always = TRUE), warning = conditionMessage)
    holds(grepl("deprecated", said))
  },
  magrittr = function() holds(magrittr::`%>%`(c(1, 4), sqrt) == 1:2),
  R6 = function() {
    counter <- R6::R6Class("Counter", list(n = 0, add = function() self$n <- self$n + 1))$new()
    counter$add()
    holds(counter$n == 1)
  },
  withr = function() {
    holds(withr::with_envvar(c(MELDA_A = "b"), Sys.getenv("MELDA_A")) == "b", Sys.getenv("MELDA_A") == "")
  },
  fansi = function() holds(fansi::nchar_ctl("\033[31mred\033[0m") == 3),
  pillar = function() holds(any(grepl("<dbl>", cli::ansi_strip(format(pillar::pillar(c(1.5, 2)))), fixed = TRUE))),
  crayon = function() holds(crayon::strip_style(crayon::bold("a")) == "a"),
  digest = function() holds(digest::digest("abc", "md5", serialize = FALSE) == "900150983cd24fb0d6963f7d28e17f72"),
  backports = function() holds(backports:::trimws(" a ") == "a"),
  ellipsis = function() {
    strict <- function(...) ellipsis::check_dots_empty()
    strict()
    holds(inherits(try(strict(1), silent = TRUE), "try-error"))
  },
  pkgconfig = function() {
    pkgconfig::set_config("melda::a" = 1)
    holds(pkgconfig::get_config("melda::a") == 1)
  },
  memoise = function() {
    calls <- 0
    once <- memoise::memoise(function(x) calls <<- calls + x)
    holds(once(1) == 1, once(1) == 1, calls == 1)
  },
  processx = function() holds(processx::run("echo", "a")$stdout == "a\n"),
  callr = function() holds(callr::r(function() 6 * 7) == 42),
  fs = function() {
    fs::file_create("fs.txt")
    holds(fs::path_file(fs::dir_ls(glob = "*fs.txt")) == "fs.txt")
  },
  rprojroot = function() {
    dir.create("root/below", recursive = TRUE)
    file.create("root/here")
    holds(basename(rprojroot::find_root(rprojroot::has_file("here"), "root/below")) == "root")
  },
  # tidyverse
  tidyverse = function() holds(c("dplyr", "ggplot2") %in% tidyverse::tidyverse_packages()),
  lubridate = function() holds(lubridate::ymd("2024-01-31") + lubridate::days(1) == as.Date("2024-02-01")),
  hms = function() holds(format(hms::hms(5, 4, 3)) == "03:04:05"),
  broom = function() holds(nrow(broom::tidy(lm(y ~ x, line))) == 2),
  dbplyr = function() {
    lazy <- dplyr::filter(dbplyr::lazy_frame(a = 1, con = dbplyr::simulate_sqlite()), a > 1)
    holds(grepl("WHERE", dbplyr::sql_render(lazy)))
  },
  modelr = function() {
    fit <- lm(y ~ x, line)
    holds(near(modelr::rmse(fit, line), sqrt(mean(residuals(fit)^2))))
  },
  reprex = function() {
    said <- reprex::reprex(input = "6 * 7\n", html_preview = FALSE, advertise = FALSE)
    holds(any(grepl("[1] 42", said, fixed = TRUE)))
  },
  rvest = function() {
    page <- served(xml2::read_html, "<p class=a>42</p>", "text/html")
    holds(rvest::html_text(rvest::html_nodes(page, "p.a")) == "42")
  },
  haven = function() {
    haven::write_sav(line, "line.sav")
    holds(near(haven::read_sav("line.sav")$y, line$y))
  },
  readxl = function() holds(nrow(readxl::read_excel(readxl::readxl_example("datasets.xlsx"))) > 0),
  vroom = function() {
    vroom::vroom_write(line, "line.tsv")
    holds(near(vroom::vroom("line.tsv", delim = "\t")$y, line$y))
  },
  tidyselect = function() holds(tidyselect::eval_select(quote(starts_with("Sepal")), iris) == 1:2),
  # files, services, databases
  xml2 = function() holds(xml2::xml_text(xml2::xml_find_all(xml2::read_xml("<a><b>1</b></a>"), "//b")) == "1"),
  yaml = function() holds(yaml::yaml.load(yaml::as.yaml(list(a = 1:2)))$a == 1:2),
  httr2 = function() {
    answer <- served(function(url) httr2::req_perform(httr2::request(url)))
    holds(unlist(httr2::resp_body_json(answer)$a) == 1:2)
  },
  openssl = function() {
    key <- openssl::rsa_keygen(2048)
    signed <- openssl::signature_create(charToRaw("a"), openssl::sha256, key)
    holds(openssl::signature_verify(charToRaw("a"), signed, openssl::sha256, key$pubkey))
  },
  DBI = function() holds(DBI::dbQuoteString(DBI::ANSI(), "a'b") == "'a''b'"),
  RSQLite = function() {
    connection <- DBI::dbConnect(RSQLite::SQLite(), ":memory:")
    on.exit(DBI::dbDisconnect(connection))
    DBI::dbWriteTable(connection, "line", line)
    holds(DBI::dbGetQuery(connection, "select sum(x) s from line")$s == 10)
  },
  RPostgres = function() { # There is no server: what libpq says of it.
    can <- DBI::dbCanConnect(RPostgres::Postgres(), host = "127.0.0.1", port = 1L)
    holds(isFALSE(can), grepl("refused", attr(can, "reason")))
  },
  writexl = function() holds(starts(writexl::write_xlsx(line, "line.xlsx"), "PK")),
  openxlsx = function() {
    openxlsx::write.xlsx(line, "open.xlsx")
    holds(near(openxlsx::read.xlsx("open.xlsx")$y, line$y))
  },
  arrow = function() {
    arrow::write_parquet(line, "line.parquet")
    holds(near(arrow::read_parquet("line.parquet")$y, line$y))
  },
  fst = function() {
    fst::write_fst(line, "line.fst")
    holds(near(fst::read_fst("line.fst")$y, line$y))
  },
  # plots
  scales = function() holds(scales::percent(0.25, accuracy = 1) == "25%"),
  gridExtra = function() holds(draws(gridExtra::arrangeGrob(grid::nullGrob(), grid::nullGrob(), ncol = 2))),
  cowplot = function() holds(draws(cowplot::plot_grid(plot_of(), plot_of(), labels = c("a", "b")))),
  patchwork = function() holds(draws(patchwork::wrap_plots(plot_of(), plot_of()))),
  ggrepel = function() holds(draws(plot_of() + ggrepel::geom_text_repel(ggplot2::aes(label = x)))),
  ggthemes = function() holds(draws(plot_of() + ggthemes::theme_few())),
  GGally = function() holds(draws(GGally::ggpairs(line))),
  viridis = function() holds(draws(plot_of() + ggplot2::aes(colour = y) + viridis::scale_colour_viridis())),
  RColorBrewer = function() holds(RColorBrewer::brewer.pal(3, "Set1")[1] == "#E41A1C"),
  plotly = function() holds(saved(plotly::plot_ly(line, x = ~x, y = ~y, type = "scatter", mode = "lines"), "7.8")),
  lattice = function() {
    grDevices::png("lattice.png")
    print(lattice::xyplot(y ~ x, line))
    grDevices::dev.off()
    holds(is_png("lattice.png"))
  },
  corrplot = function() {
    grDevices::png("corrplot.png")
    corrplot::corrplot(cor(line))
    grDevices::dev.off()
    holds(is_png("corrplot.png"))
  },
  pheatmap = function() {
    pheatmap::pheatmap(as.matrix(line), filename = "pheatmap.png")
    holds(is_png("pheatmap.png"))
  },
  # maps
  sf = function() {
    circle <- sf::st_buffer(sf::st_sfc(sf::st_point(c(0, 0)), crs = 3857), 1)
    sf::st_write(sf::st_sf(a = 1, geometry = circle), "map.gpkg", quiet = TRUE)
    area <- as.numeric(sf::st_area(sf::st_read("map.gpkg", quiet = TRUE)))
    holds(abs(area - pi) < 0.01, sf::st_crs(sf::st_transform(circle, 4326)) == sf::st_crs(4326))
  },
  sp = function() holds(near(sp::spDistsN1(cbind(3, 4), c(0, 0)), 5)),
  terra = function() {
    raster <- terra::rast(nrows = 2, ncols = 2, vals = 1:4)
    terra::writeRaster(raster, "raster.tif")
    holds(terra::values(terra::rast("raster.tif"))[, 1] == 1:4)
  },
  leaflet = function() holds(saved(leaflet::addMarkers(leaflet::leaflet(), lng = 29.5, lat = 41.5), "41.5")),
  # statistics
  lme4 = function() {
    fit <- lme4::lmer(Reaction ~ Days + (1 | Subject), lme4::sleepstudy)
    holds(abs(lme4::fixef(fit)[["Days"]] - 10.467) < 0.01)
  },
  nlme = function() {
    fit <- nlme::lme(distance ~ age, nlme::Orthodont, random = ~ 1 | Subject)
    holds(abs(nlme::fixef(fit)[["age"]] - 0.66) < 0.01)
  },
  mgcv = function() holds(summary(mgcv::gam(dist ~ s(speed), data = cars))$r.sq > 0.6),
  survival = function() {
    fit <- survival::survfit(survival::Surv(c(1, 2, 3, 4), c(1, 1, 0, 1)) ~ 1)
    holds(near(fit$surv, c(0.75, 0.5, 0.5, 0)))
  },
  MASS = function() holds(right(predict(MASS::lda(Species ~ ., iris))$class) > 0.95),
  car = function() holds(car::vif(lm(mpg ~ wt + hp, mtcars)) > 1),
  multcomp = function() {
    fit <- multcomp::glht(lm(breaks ~ tension, warpbreaks), linfct = multcomp::mcp(tension = "Tukey"))
    holds(length(coef(fit)) == 3)
  },
  emmeans = function() {
    means <- as.data.frame(emmeans::emmeans(lm(breaks ~ tension, warpbreaks), "tension"))$emmean
    holds(near(means, tapply(warpbreaks$breaks, warpbreaks$tension, mean)))
  },
  effects = function() holds(nrow(as.data.frame(effects::effect("wt", lm(mpg ~ wt, mtcars)))) > 1),
  psych = function() holds(as.data.frame(psych::describe(line))["x", "mean"] == 2.5),
  Hmisc = function() holds(near(Hmisc::wtd.mean(c(1, 2), c(1, 3)), 1.75)),
  boot = function() {
    set.seed(1)
    holds(dim(boot::boot(line$y, function(y, i) mean(y[i]), R = 20)$t) == c(20, 1))
  },
  zoo = function() holds(zoo::rollmean(1:4, 2) == c(1.5, 2.5, 3.5)),
  xts = function() {
    days <- xts::xts(1:60, as.Date("2024-01-01") + 0:59)
    holds(nrow(days["2024-02"]) == 29, xts::apply.monthly(days, sum)[[1]] == sum(1:31))
  },
  forecast = function() holds(length(forecast::forecast(forecast::ets(AirPassengers, "MAM"), h = 3)$mean) == 3),
  tseries = function() {
    set.seed(1)
    holds(tseries::adf.test(rnorm(200))$p.value < 0.05)
  },
  # machine learning
  caret = function() {
    fit <- caret::train(Species ~ ., iris, method = "knn", trControl = caret::trainControl("cv", 3))
    holds(right(predict(fit, iris)) > 0.9)
  },
  randomForest = function() holds(right(predict(randomForest::randomForest(Species ~ ., iris, ntree = 50))) > 0.9),
  ranger = function() {
    fit <- ranger::ranger(Species ~ ., iris, num.trees = 50, num.threads = 1)
    holds(right(predict(fit, iris, num.threads = 1)$predictions) > 0.9)
  },
  glmnet = function() {
    fit <- glmnet::glmnet(as.matrix(mtcars[-1]), mtcars$mpg)
    holds(cor(predict(fit, as.matrix(mtcars[-1]), s = 0.1), mtcars$mpg) > 0.9)
  },
  xgboost = function() {
    data <- xgboost::xgb.DMatrix(as.matrix(two[1:4]), label = as.integer(two$Species) - 1L)
    fit <- xgboost::xgb.train(list(objective = "binary:logistic", nthread = 1), data, nrounds = 5)
    holds(right(predict(fit, data) > 0.5, two$Species == "virginica") > 0.9)
  },
  e1071 = function() holds(right(predict(e1071::svm(Species ~ ., iris), iris)) > 0.9),
  rpart = function() holds(right(predict(rpart::rpart(Species ~ ., iris), iris, type = "class")) > 0.9),
  gbm = function() {
    fit <- gbm::gbm(mpg ~ wt + hp, "gaussian", mtcars, n.trees = 50, n.minobsinnode = 3, n.cores = 1)
    holds(cor(predict(fit, mtcars, n.trees = 50), mtcars$mpg) > 0.7)
  },
  kernlab = function() holds(right(kernlab::predict(kernlab::ksvm(Species ~ ., iris), iris)) > 0.9),
  nnet = function() holds(right(predict(nnet::multinom(Species ~ ., iris, trace = FALSE), iris)) > 0.9),
  class = function() holds(right(class::knn(half[1:4], iris[1:4], half$Species, k = 3)) > 0.9),
  pROC = function() holds(pROC::auc(pROC::roc(c(0, 0, 1, 1), c(1, 2, 3, 4), quiet = TRUE)) == 1),
  ROCR = function() {
    area <- ROCR::performance(ROCR::prediction(c(1, 2, 3, 4), c(0, 0, 1, 1)), "auc")
    holds(methods::slot(area, "y.values")[[1]] == 1)
  },
  cluster = function() holds(table(cluster::pam(c(1, 2, 10, 11, 12), 2)$clustering) == c(2, 3)),
  factoextra = function() holds(draws(factoextra::fviz_eig(prcomp(mtcars)))),
  FactoMineR = function() holds(nrow(FactoMineR::PCA(mtcars, graph = FALSE)$eig) == ncol(mtcars)),
  # parallel and functional
  foreach = function() holds(foreach::`%do%`(foreach::foreach(i = 1:3, .combine = c), i^2) == c(1, 4, 9)),
  doParallel = function() {
    cluster <- parallel::makeCluster(1)
    on.exit(parallel::stopCluster(cluster))
    doParallel::registerDoParallel(cluster)
    there <- foreach::`%dopar%`(foreach::foreach(i = 1, .combine = c), Sys.getpid())
    holds(foreach::getDoParName() == "doParallelSNOW", there != Sys.getpid())
  },
  iterators = function() holds(iterators::nextElem(iterators::iter(c(42, 43))) == 42),
  future = function() {
    future::plan(future::multisession, workers = 2)
    on.exit(future::plan(future::sequential))
    holds(future::value(future::future(Sys.getpid())) != Sys.getpid())
  },
  furrr = function() holds(furrr::future_map_dbl(1:3, ~ .x^2) == c(1, 4, 9)),
  # text
  stringi = function() holds(stringi::stri_trans_general("\u00e9", "Latin-ASCII") == "e"),
  tm = function() {
    counts <- tm::TermDocumentMatrix(tm::VCorpus(tm::VectorSource(c("data data", "science"))))
    holds(as.matrix(counts)["data", 1] == 2)
  },
  tidytext = function() holds(tidytext::unnest_tokens(data.frame(t = "It is."), word, t)$word == c("it", "is")),
  SnowballC = function() holds(SnowballC::wordStem(c("cats", "running"), "english") == c("cat", "run")),
  # interactive and reports
  shiny = function() {
    holds(grepl("shiny-text-output", as.character(shiny::fluidPage(shiny::textOutput("said")))))
    server <- function(input, output, session) output$said <- shiny::renderText(input$n * 2)
    shiny::testServer(server, {
      session$setInputs(n = 21)
      holds(output$said == "42")
    })
  },
  htmlwidgets = function() {
    holds(saved(htmlwidgets::createWidget("melda", list(a = 42), package = "htmlwidgets"), "42"))
  },
  DT = function() holds(saved(DT::datatable(line, options = list(pageLength = 42)), "\"pageLength\":42", TRUE)),
  flexdashboard = function() {
    writeLines(c("---", "title: A", "---", "### Answer", "```{r}", "flexdashboard::valueBox(6 * 7)", "```"), "dash.Rmd")
    rmarkdown::render("dash.Rmd", flexdashboard::flex_dashboard(self_contained = FALSE), quiet = TRUE)
    holds(any(grepl("value-output", readLines("dash.html", warn = FALSE))))
  },
  kableExtra = function() {
    holds(grepl("table-striped", kableExtra::kable_styling(knitr::kable(line, "html"), "striped")))
  },
  bookdown = function() {
    writeLines(c("# Answer {#a}", "See \\@ref(a)."), "book.Rmd")
    rmarkdown::render("book.Rmd", bookdown::html_document2(), quiet = TRUE)
    holds(any(grepl("See <a href=\"#a\">1</a>", readLines("book.html", warn = FALSE), fixed = TRUE)))
  },
  # developing
  devtools = function() {
    usethis::create_package("meldadev", open = FALSE, rstudio = FALSE)
    writeLines("answer <- function() 42", "meldadev/R/answer.R")
    holds(devtools::load_all("meldadev", quiet = TRUE)$env$answer() == 42)
  },
  testthat = function() {
    writeLines("testthat::test_that('a', { testthat::expect_equal(1, 1); testthat::expect_equal(1, 2) })", "test-a.R")
    said <- as.data.frame(testthat::test_file("test-a.R", reporter = "silent", stop_on_failure = FALSE))
    holds(said$nb == 2, said$failed == 1)
  },
  roxygen2 = function() {
    said <- roxygen2::roc_proc_text(roxygen2::namespace_roclet(), "#' @export\nanswer <- function() 42\n")
    holds(said == "export(answer)")
  },
  usethis = function() {
    usethis::create_package("meldauses", open = FALSE, rstudio = FALSE)
    holds(read.dcf("meldauses/DESCRIPTION")[, "Package"] == "meldauses")
  }
)
