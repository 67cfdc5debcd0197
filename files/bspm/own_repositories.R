# install.packages(repos = ...) with a repository of the caller's own asks that repository. bspm asks apt first, whatever
# repos names (https://github.com/cran4linux/bspm/blob/master/R/integration.R), and apt may have another package of that
# name, or an older one. CRAN and its mirrors stay apt's, and so does what the own repository's packages need from there. CRAN
# of a day is a repository of the caller's own (https://packagemanager.posit.co/cran/2023-06-01): apt has today's.
#
# Sourced by Rprofile.site after bspm::enable(); nothing in it may keep R from starting.
local({
  enabled <- get("shim", asNamespace("bspm"))
  enabled <- if (is.function(enabled)) body(enabled) else enabled
  image <- sub("/+$", "", getOption("repos"))
  mirror <- "^https?://([^/]*\\.)?(cran\\.[^/]+|[^/]*r-project\\.org|packagemanager\\.[^/]+|p3m\\.dev)(/|$)|/cran/?$|^@CRAN@$"
  a_day <- "/[0-9]{4}-[0-9]{2}-[0-9]{2}(/|$)"

  # What is left for R itself to install, from repos; NULL: all of it is bspm's.
  left <- function(pkgs, repos) {
    apts <- sub("/+$", "", repos) %in% image | (grepl(mirror, repos, ignore.case = TRUE) & !grepl(a_day, repos))
    if (!is.character(pkgs) || all(apts)) return(NULL)
    there <- utils::available.packages(repos = repos[!apts], type = "source")
    own <- intersect(pkgs, rownames(there))
    needed <- unlist(tools::package_dependencies(own, there, recursive = TRUE), use.names = FALSE)
    needed <- setdiff(needed, c(rownames(there), rownames(utils::installed.packages())))
    if (length(needed)) bspm::install_sys(unique(needed))
    others <- setdiff(pkgs, own)
    c(own, if (length(others) && any(apts)) bspm::install_sys(others) else others)
  }

  # As bspm does it, so that bspm::disable() ends both.
  suppressMessages(trace(utils::install.packages, print = FALSE, tracer = bquote({
    if (!missing(pkgs) && identical(type, "both") && is.character(repos)) {
      .left <- .(left)(pkgs, repos)
      if (!is.null(.left)) {
        pkgs <- .left
        type <- "source"
      }
    }
    .(enabled)
  })))
})
