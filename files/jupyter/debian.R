# Pages from Debian's packages of R: in a cell, by saveWidget(), by R Markdown, by shiny. Debian takes JavaScript, style sheets
# and pictures out of R packages, and links to packages of its own (Files-Excluded in /usr/share/doc/r-cran-*/copyright):
#
# - A style sheet of Debian's names pictures that the page's list of files lacks, because upstream's has them inside (DT:
#   sort_both.png). pandoc 2 stops there. They are put inside.
# - A file of the list is not there (DT: dataTables.bootstrap.extra.css; rmarkdown: font-awesome's all.css; profvis), or has
#   another name (shiny: strftime-min.js). htmltools stops. The page takes it by its name, or goes without it; where it is a
#   program, a warning says so.
# - All files of a format are not there (/usr/share/doc/r-cran-rmarkdown/README.Debian). It says what to do.
#
# Packages of r2u and CRAN have all files, and nothing changes. Sourced by Rprofile.site; nothing in it may keep R from starting.
local({
  debians <- "/usr/lib/R/site-library/"

  # Of scripts or style sheets those that are there, under Debian's name. They are names, one list(src = ...), or several.
  present <- function(listed, key, folder) {
    if (is.list(listed) && !is.null(names(listed))) listed <- list(listed)
    there <- vapply(listed, function(one) file.exists(file.path(folder, if (is.list(one)) one[[key]] else one)), NA)
    if (all(there)) return(listed)
    otherwise <- sub("-min[.]js$", ".min.js", unlist(listed[!there]))  # shiny: strftime, without which a slider has no dates
    otherwise <- otherwise[file.exists(file.path(folder, otherwise))]
    if (key == "src" && length(otherwise) < sum(!there))
      warning("not in Debian's package, and left out: ", toString(unlist(listed[!there])), call. = FALSE)
    c(listed[there], otherwise)
  }

  hrefs <- function(dependency) unlist(lapply(dependency$stylesheet, function(one) if (is.list(one)) one$href else one))

  # Put the pictures that a style sheet names into its copy; those of other places are left alone.
  put_inside <- function(copy, folder) {
    text <- readLines(copy, warn = FALSE)
    named <- gregexpr("url\\([^)]*[.](png|gif|jpg|svg)[\"']?\\)", text, useBytes = TRUE)
    if (all(unlist(named) < 0L)) return()
    regmatches(text, named) <- lapply(regmatches(text, named), vapply, function(url) {
      file <- file.path(folder, gsub("^url\\([\"']?|[\"']?\\)$", "", url))
      if (!file.exists(file)) return(url)
      type <- c(png = "png", gif = "gif", jpg = "jpeg", svg = "svg+xml")[[tools::file_ext(file)]]
      paste0("url(", base64enc::dataURI(file = file, mime = paste0("image/", type)), ")")
    }, "", USE.NAMES = FALSE)
    writeLines(text, copy, useBytes = TRUE)
  }

  # Where the files of a dependency are, if it is Debian's.
  debian <- function(dependency) {
    folder <- dependency$src$file
    if (length(dependency$package) && length(folder)) folder <- system.file(folder, package = dependency$package)
    if (length(folder) && startsWith(folder, debians)) folder
  }

  complete <- function(dependency) {
    folder <- debian(dependency)
    if (is.null(folder)) return(dependency)
    dependency["script"] <- list(present(dependency$script, "src", folder))
    dependency["stylesheet"] <- list(present(dependency$stylesheet, "href", folder))
    dependency
  }

  setHook(packageEvent("htmltools", "onLoad"), function(...) {
    htmltools <- asNamespace("htmltools")
    describe <- htmltools$htmlDependency
    utils::assignInNamespace("htmlDependency", ns = "htmltools", function(...) complete(describe(...)))
    copy <- htmltools$copyDependencyToDir
    utils::assignInNamespace("copyDependencyToDir", ns = "htmltools", function(dependency, outputDir, mustWork = TRUE) {
      dependency <- complete(dependency)  # some were made when their package was built
      copied <- copy(dependency, outputDir, mustWork)
      folder <- debian(dependency)
      if (!is.null(folder)) for (sheet in hrefs(dependency))
        try(put_inside(file.path(copied$src$file, sheet), dirname(file.path(folder, sheet))), silent = TRUE)
      copied
    })
  })

  # A cell shows a widget with the files themselves, not with copies.
  setHook(packageEvent("repr", "onLoad"), function(...) {
    repr <- asNamespace("repr")
    show <- repr$repr_html.htmlwidget
    if (is.function(show)) registerS3method("repr_html", "htmlwidget", function(obj, ...) {
      folder <- tempfile("widget")
      on.exit(unlink(folder, recursive = TRUE))
      obj$dependencies <- lapply(obj$dependencies, function(one) {
        if (is.null(debian(one))) return(one)
        one <- htmltools::copyDependencyToDir(one, folder)
        one["package"] <- list(NULL)  # its path is whole
        one
      })
      show(obj, ...)
    }, repr)
  })

  # Package, its function, and the first file that this one needs.
  lacking <- list(
    c("rmarkdown", "ioslides_presentation", "rmd/ioslides/ioslides-13.5.1/fonts/fonts.css", "slidy_presentation"),
    c("bookdown", "bs4_book", "templates/bs4_book.html", "gitbook")
  )
  for (one in lacking) local({
    about <- one
    setHook(packageEvent(about[1L], "onLoad"), function(package, path) {
      if (file.exists(file.path(path, about[3L])) || !exists(about[2L], asNamespace(package), inherits = FALSE)) return()
      utils::assignInNamespace(about[2L], ns = package, function(...) {
        stop(about[2L], ": Debian's package of ", package, " comes without its files: use ", about[4L],
             ", or CRAN's package: install.packages(\"", package, "\", type = \"source\")", call. = FALSE)
      })
    })
  })
})
