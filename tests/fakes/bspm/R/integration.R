# Runs in the frame of install.packages(). type is "both" unless the caller chose one.
shim <- quote(if (type == "both") {
  if (!is.null(repos)) pkgs <- utils::getFromNamespace("from_system", "bspm")(pkgs, repos)
  type <- "source"
})

enable <- function() {
  if (getOption("bspm.backend.check", TRUE)) check_backend()
  options(pkgType = "both")
  trace(utils::install.packages, tracer = shim, print = FALSE)
  invisible()
}

disable <- function() {
  options(pkgType = "source")
  untrace(utils::install.packages)
  invisible()
}

# Install what apt has; return what is left for the source road, whose dependencies apt installs as far as it can.
from_system <- function(pkgs, repos) {
  newer <- if (getOption("bspm.version.check", TRUE)) newer_in(repos, pkgs) else character()
  left <- c(install_sys(setdiff(pkgs, newer)), newer)
  if (length(left)) {
    needed <- tools::package_dependencies(left, cran(repos), recursive = TRUE)
    install_sys(setdiff(unlist(needed, use.names = FALSE), rownames(utils::installed.packages())))
  }
  left
}

cran <- function(repos) utils::available.packages(repos = repos, type = "source")

newer_in <- function(repos, pkgs) {
  there <- cran(repos)[, "Version"]
  here <- available_sys()
  pkgs <- pkgs[pkgs %in% names(there) & tolower(pkgs) %in% names(here)]
  Filter(function(name) utils::compareVersion(there[[name]], here[[tolower(name)]]) > 0, pkgs)
}
