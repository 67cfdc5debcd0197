# install.packages() in a notebook. IRkernel shows what R itself prints; apt, R CMD INSTALL and the compiler write to the
# process's own output, which nobody sees (IRkernel's issues 416 and 717). So the very same call is made in another R
# process, bspm and all, and what that says is printed here, line by line. remotes, devtools and BiocManager call
# install.packages() too.
#
# Sourced by Rprofile.site; nothing in it may keep a kernel from starting.
local({
  if (!any(grepl("IRkernel::main()", commandArgs(), fixed = TRUE))) return()

  utils <- asNamespace("utils")
  shown <- utils$install.packages
  body(shown) <- quote({
    frame <- environment()
    given <- Filter(function(name) !eval(call("missing", as.name(name)), frame), setdiff(names(formals()), "..."))
    arguments <- c(mget(given, frame), list(...))
    if (!length(arguments)) stop("no packages were specified")

    job <- tempfile("install")
    dir.create(job, mode = "0700")
    on.exit(unlink(job, recursive = TRUE))
    # What can be written down of the session: repos, Ncpus, timeout, warn, ...
    plain <- Filter(function(value) is.atomic(value) && !is.object(value), options())
    saveRDS(list(arguments = arguments, options = plain, libraries = .libPaths()), file.path(job, "call"))

    rscript <- file.path(R.home("bin"), "Rscript")
    output <- pipe(paste(shQuote(rscript), shQuote("@SRC@/install_packages_child.R"), shQuote(job), "2>&1"), "r")
    said <- tryCatch({
      while (length(line <- readLines(output, 1L, warn = FALSE))) {
        cat(line, "\n", sep = "")
        utils::flush.console()
      }
      close(output)
    }, interrupt = function(condition) {
      # The child got the interrupt too, and says so when it has ended.
      try(close(output), silent = TRUE)
      stop("interrupted", call. = FALSE)
    })

    ended <- file.path(job, "ended")
    if (!file.exists(ended)) stop("the installation was interrupted", call. = FALSE)
    ended <- readRDS(ended)
    for (text in ended$warnings) warning(text, call. = FALSE)
    if (length(ended$error)) stop(ended$error, call. = FALSE)
    invisible()
  })
  environment(shown) <- utils
  unlockBinding("install.packages", utils)
  assign("install.packages", shown, utils)
  lockBinding("install.packages", utils)
})
