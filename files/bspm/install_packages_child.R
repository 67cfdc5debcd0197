# The other half of install_packages.R: makes the call it finds in the folder it is given, and leaves there how it ended.
job <- commandArgs(trailingOnly = TRUE)[[1]]
call <- readRDS(file.path(job, "call"))
# Of the new session's own: how wide, how interactive, what bspm set when it was enabled.
call$options[c("pkgType", "browser", "pager", "editor", "device", "echo", "keep.source", "prompt", "continue")] <- NULL
suppressWarnings(do.call(options, call$options))
.libPaths(call$libraries)

problems <- list(warnings = character(), error = character())
tryCatch(
  withCallingHandlers(
    do.call(utils::install.packages, call$arguments),
    warning = function(condition) {
      problems$warnings <<- c(problems$warnings, conditionMessage(condition))
      invokeRestart("muffleWarning")
    }
  ),
  error = function(condition) problems$error <<- conditionMessage(condition)
)
saveRDS(problems, file.path(job, "ended"))
