# What R shows on a terminal and not in a notebook: IRkernel shows what R itself prints, and programs write to the process's own
# output, which nobody sees (https://github.com/IRkernel/IRkernel/issues/416). Only for what is called in cells: packages call
# base's own.
#
# Sourced by Rprofile.site; nothing in it may keep a kernel from starting.
local({
  if (!any(grepl("IRkernel::main()", commandArgs(), fixed = TRUE))) return()

  # R keeps a last line without an end to itself (readLines), so the shell ends it, and says behind that how the program ended.
  shown <- function(command, errors) {
    output <- pipe(paste0("sh -c ", shQuote(command), " ", errors, "; printf '\\n\\001%d\\n' $?"), "r")
    on.exit(try(close(output), silent = TRUE))
    status <- 127L
    empty <- 0L
    while (length(line <- readLines(output, 1L, warn = FALSE))) {
      ended <- startsWith(line, "\001")
      if (ended) empty <- empty - 1L
      if (nzchar(line)) cat(strrep("\n", max(empty, 0L)), if (!ended) c(line, "\n"), sep = "")
      empty <- if (nzchar(line)) 0L else empty + 1L
      utils::flush.console()
      if (ended) {
        status <- as.integer(substring(line, 2L))
        break
      }
    }
    invisible(status)
  }

  cells <- new.env(parent = baseenv())
  cells$system <- function(command, intern = FALSE, ignore.stdout = FALSE, ignore.stderr = FALSE, wait = TRUE, ...) {
    if (!isFALSE(intern) || !isFALSE(ignore.stdout) || !isTRUE(wait) || ...length())
      return(base::system(command, intern, ignore.stdout, ignore.stderr, wait, ...))
    shown(command, if (isTRUE(ignore.stderr)) "2>/dev/null" else "2>&1")
  }
  cells$system2 <- function(command, args = character(), stdout = "", stderr = "", ...) {
    if (!identical(stdout, "") || !(identical(stderr, "") || isFALSE(stderr)) || ...length())
      return(base::system2(command, args, stdout, stderr, ...))
    shown(paste(c(shQuote(command), args), collapse = " "), if (isFALSE(stderr)) "2>/dev/null" else "2>&1")
  }
  # R's own refuses, as this R is not interactive; readline() in a cell is IRkernel's, which asks below the cell.
  asking <- new.env(parent = baseenv())
  asking$menu <- function(choices, graphics = FALSE, title = NULL) {
    # Nobody can be asked where a program runs the cell; readline() would wait for ever.
    if (isFALSE(environment(readline)$current_request$content$allow_stdin)) return(utils::menu(choices, graphics, title))
    if (length(title) && nzchar(title[1L])) cat(title, "\n", sep = "")
    cat(paste0(format(seq_along(choices)), ": ", choices, "\n"), sep = "")
    repeat {
      answer <- suppressWarnings(as.numeric(readline("Selection (0 to exit): ")))
      if (answer %in% c(0, seq_along(choices))) return(as.integer(answer))
      cat("Enter an item from the menu, or 0 to exit\n")
    }
  }
  attach(cells, name = "melda:cells", warn.conflicts = FALSE)
  # In front of utils, which is not attached yet when this file is read.
  setHook(packageEvent("utils", "attach"), function(...) attach(asking, name = "melda:asking", warn.conflicts = FALSE))

  # IRkernel looks for getPass in all libraries at each cell, the project's among them: no cell would run while storage does not
  # answer. Who has loaded it finds IRkernel's own in its place, as before.
  setHook(packageEvent("IRkernel", "onLoad"), function(...) {
    kernel <- asNamespace("IRkernel")
    replaced <- "add_to_user_searchpath"
    unlockBinding(replaced, kernel)
    assign(replaced, function(name, FN, pkg = NULL) {
      if (!is.null(pkg) && isNamespaceLoaded(pkg)) kernel$replace_in_package(pkg, name, FN)
      else assign(name, FN, "jupyter:irkernel")
    }, kernel)
    lockBinding(replaced, kernel)
  })

  # help.start(), vignettes and browseURL() would start a browser in the container.
  options(browser = function(url) {
    if (grepl("^https?://(127[.]|localhost)", url))
      message("R serves its help inside the container only, where there is no browser. In a cell ?NAME shows a page of it,",
              " and help(package = \"NAME\") the list.")
    else message("Open it in your browser: ", url)
  })

  utils::rc.settings(ipck = TRUE)  # library( completes the names of packages
})
