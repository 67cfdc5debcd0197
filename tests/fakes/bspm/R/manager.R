# All four return invisibly what the service answers; install and remove the names it could not.

install_sys <- function(pkgs) invisible(if (length(pkgs)) ask("install", unique(pkgs)) else character())

remove_sys <- function(pkgs) invisible(if (length(pkgs)) ask("remove", unique(pkgs)) else character())

discover <- function() invisible(ask("discover"))

# Upstream versions by the package's name in lower case, which is all that apt's names tell.
available_sys <- function() {
  fields <- strsplit(ask("available"), ";", fixed = TRUE)
  versions <- vapply(fields, `[`, "", 2L)
  names(versions) <- tolower(vapply(fields, `[`, "", 1L))
  versions
}
