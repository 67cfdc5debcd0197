# Quiet, because a notebook's first output is the user's. Without the version check, because a session that cannot ask (a
# notebook) would compile whatever CRAN has newer. In a notebook install_packages.R calls another R, which comes here.
options(bspm.version.check = FALSE)
if (!any(grepl("IRkernel::main()", commandArgs(), fixed = TRUE))) local({
  # Where it says so nobody answers for apt, and install.packages() compiles.
  state <- "/run/melda-jupyter/bspm"
  if (!file.exists(state) || identical(readLines(state, warn = FALSE), "ok")) {
    suppressMessages(bspm::enable())
    try(source("@SRC@/own_repositories.R", local = TRUE), silent = TRUE)
  }
})
