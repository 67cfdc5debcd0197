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
  # What a program reads, as base's system() does it.
  from <- function(input) {
    if (is.null(input)) return(character())
    file <- tempfile("input")
    writeLines(input, file)
    c("<", shQuote(file))
  }
  cells$system <- function(command, intern = FALSE, ignore.stdout = FALSE, ignore.stderr = FALSE, wait = TRUE,
                           input = NULL, ...) {
    if (!isFALSE(intern) || !isFALSE(ignore.stdout) || !isTRUE(wait) || ...length())
      return(base::system(command, intern, ignore.stdout, ignore.stderr, wait, input, ...))
    shown(paste(c(from(input), command), collapse = " "), if (isTRUE(ignore.stderr)) "2>/dev/null" else "2>&1")
  }
  cells$system2 <- function(command, args = character(), stdout = "", stderr = "", stdin = "", input = NULL,
                            env = character(), ...) {
    if (!identical(stdout, "") || !(identical(stderr, "") || isFALSE(stderr)) || !identical(stdin, "") || ...length())
      return(base::system2(command, args, stdout, stderr, stdin, input, env, ...))
    whole <- c(env, shQuote(command), args, from(input))
    shown(paste(whole, collapse = " "), if (isFALSE(stderr)) "2>/dev/null" else "2>&1")
  }
  # R reads a path from where there is nothing, and gives what was in memory.
  cells$file.choose <- function(...) stop("there is no dialog in a cell: name the file, seen from ", getwd(), call. = FALSE)
  # R's own refuses, as this R is not interactive; readline() in a cell is IRkernel's, which asks below the cell. Nobody can be
  # asked where a program runs the cell; readline() gives nothing there, and menu() would ask again and again.
  nobody <- function() isFALSE(environment(readline)$current_request$content$allow_stdin)
  asking <- new.env(parent = baseenv())
  asking$menu <- function(choices, graphics = FALSE, title = NULL) {
    if (nobody()) return(utils::menu(choices, graphics, title))
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

  setHook(packageEvent("IRkernel", "onLoad"), function(...) {
    kernel <- asNamespace("IRkernel")
    # IRkernel looks for getPass in all libraries at each cell, the project's among them: no cell would run while storage does
    # not answer. Who has loaded it finds IRkernel's own in its place, as before.
    utils::assignInNamespace("add_to_user_searchpath", ns = "IRkernel", function(name, FN, pkg = NULL) {
      # A bar that a loop in a cell before began, and nobody ended: cli would show it below each message from then on.
      if (isNamespaceLoaded("cli")) try(cli::cli_progress_cleanup(), silent = TRUE)
      if (!is.null(pkg) && isNamespaceLoaded(pkg)) kernel$replace_in_package(pkg, name, FN)
      else assign(name, FN, "jupyter:irkernel")
    })
    # IRkernel ends each message once more: empty lines, and a bar that cannot stay on its line
    # (https://github.com/IRkernel/IRkernel/issues/732). Only rlang's have no end (https://github.com/r-lib/rlang/issues/1677).
    # cli takes a bar away with as many blanks as one sees of it. JupyterLab counts colours as letters; and a bar that is still
    # there would shine through what others say.
    methods <- kernel$Executor$def@refMethods
    handler <- methods$handle_message
    shown <- handler@.Data
    body(shown) <- quote({
      text <- sub("^\r +\r$", paste0("\r", strrep(" ", 200L), "\r"), conditionMessage(o))
      if (inherits(o, "rlang_message") && !endsWith(text, "\n")) text <- paste0(text, "\n")
      if (!inherits(o, "cliMessage") && isNamespaceLoaded("cli") && cli::cli_progress_num() > 0)
        text <- paste0("\r", strrep(" ", 200L), "\r", text)
      stream(text, "stderr")
    })
    handler@.Data <- shown
    methods$handle_message <- handler
    # IRkernel asks also where a program runs the cell (nbconvert), which never answers. R's own readline() gives nothing then.
    unanswered <- list(
      readline = quote(""),
      get_pass = quote(stop("nobody can be asked for a password where a program runs the cell", call. = FALSE))
    )
    for (name in names(unanswered)) {
      method <- methods[[name]]
      ask <- method@.Data
      body(ask) <- bquote(if (isFALSE(current_request$content$allow_stdin)) .(unanswered[[name]]) else .(body(ask)))
      method@.Data <- ask
      assign(name, method, methods)
    }
  })

  # Bars of progress, which R packages show where R is interactive, on the process's own error output: a page can show them, too.
  # A site's or a user's .Rprofile comes later and may say otherwise.
  options(cli.dynamic = TRUE, pboptions = list(type = "timer"), progressr.enable = TRUE, progressr.delay_stdout = FALSE)
  setHook(packageEvent("progress", "onLoad"), function(...) {
    utils::assignInNamespace("is_supported", ns = "progress", function(stream) isTRUE(getOption("progress_enabled", TRUE)))
  })
  # https://github.com/futureverse/progressr/issues/170
  setHook(packageEvent("progressr", "onLoad"), function(...) {
    progressr <- asNamespace("progressr")
    shown <- new.env(parent = progressr)
    shown$stderr <- stdout
    for (name in ls(progressr, pattern = "^handler_")) {
      handler <- progressr[[name]]
      environment(handler) <- shown
      utils::assignInNamespace(name, ns = "progressr", handler)
    }
  })

  # help.start(), vignettes and browseURL() would start a browser in the container.
  # askpass() is what packages ask for passwords with; the kernel's getPass() hides what is typed. fix(), file.edit(), vi()
  # would wait for ever for an editor that nobody sees.
  # JupyterLab opens no hidden file, and none outside of the project.
  no_editor <- function(name = NULL, file = "", ...) {
    file <- if (is.character(file) && length(file) && nzchar(file[1L])) path.expand(file[1L]) else ""
    whole <- normalizePath(if (startsWith(file, "/")) file else file.path(getwd(), file), mustWork = FALSE)
    project <- paste0(normalizePath(Sys.getenv("JUPYTER_WORKDIR", getwd()), mustWork = FALSE), "/")
    inside <- startsWith(whole, project) && !grepl("/[.]", substring(whole, nchar(project)))
    stays <- if (basename(file) %in% c(".Renviron", ".Rprofile") && !startsWith(whole, project))
      paste0("; it ends with the container, and a ", basename(file), " beside the notebook stays")
    stop("there is no editor in a cell: ",
         if (!nzchar(file) || inside) "open the file in JupyterLab" else paste("in a terminal: nano", shQuote(whole)), stays,
         call. = FALSE)
  }
  for (name in c("vi", "pico", "emacs", "xemacs", "xedit")) asking[[name]] <- no_editor
  options(
    askpass = function(prompt, ...) if (!nobody()) get("getPass", "jupyter:irkernel")(prompt),
    editor = no_editor
  )
  options(browser = function(url) {
    if (grepl("^https?://(127[.]|localhost)", url))
      message("R serves its help inside the container only, where there is no browser. In a cell ?NAME shows a page of it,",
              " and help(package = \"NAME\") the list.")
    else message("Open it in your browser: ", url)
  })

  # What Python prints goes through R, and so into the cell. And programs ask nobody (kernel.py says why).
  unasked <- list(RETICULATE_REMAP_OUTPUT_STREAMS = "1", PIP_YES = "1", GIT_TERMINAL_PROMPT = "0", GIT_EDITOR = "true",
                  GIT_SEQUENCE_EDITOR = "false", GIT_MERGE_AUTOEDIT = "no")
  for (name in names(unasked)) if (!nzchar(Sys.getenv(name))) do.call(Sys.setenv, unasked[name])

  utils::rc.settings(ipck = TRUE)  # library( completes the names of packages
})
