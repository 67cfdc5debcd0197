# remove.packages() of what install.packages() brought through apt: R itself would remove its files, which are root's. bspm's
# service removes what the user installed, and nothing of the image. What is in a library of the user's, R removes as always.
#
# Sourced by Rprofile.site; nothing in it may keep R from starting.
local({
  if (identical(Sys.info()[["effective_user"]], "root")) return()

  utils <- asNamespace("utils")
  found <- utils$remove.packages
  if (!is.null(attr(found, "melda"))) return()
  # Where apt puts R packages, on Debian and Ubuntu alike.
  apt <- file.path("/usr/lib/R", c("site-library", "library"))

  removed <- function(pkgs, lib) {
    if (!missing(lib) || missing(pkgs) || !is.character(pkgs)) return(found(pkgs, lib))
    # As R looks for them: the first library that has one counts.
    where <- vapply(pkgs, function(name) {
      paths <- file.path(.libPaths(), name)
      dirname(c(paths[file.exists(file.path(paths, "DESCRIPTION"))], "")[[1L]])
    }, "")
    through <- pkgs[where %in% apt]
    rest <- setdiff(pkgs, through)
    if (length(rest)) found(rest)
    if (!length(through)) return(invisible())
    if (!nzchar(system.file(package = "bspm")))
      stop(paste(through, collapse = ", "), " belongs to the image and stays", call. = FALSE)

    # In another R: apt and the service write to the process's own output, which a notebook does not show.
    code <- sprintf("invisible(bspm::remove_sys(c(%s)))", paste(deparse(through), collapse = ""))
    rscript <- file.path(R.home("bin"), "Rscript")
    output <- suppressWarnings(system2(rscript, c("--no-init-file", "-e", shQuote(code)), stdout = TRUE, stderr = TRUE))
    left <- through[vapply(through, function(name) any(dir.exists(file.path(apt, name))), NA)]
    if (length(left)) {
      why <- grep("belongs to the image|rror", output, value = TRUE)
      stop("not removed: ", paste(left, collapse = ", "), ": ", c(rev(why), "apt did not remove it")[[1L]], call. = FALSE)
    }
    cat("removed through apt: ", paste(through, collapse = ", "), "\n", sep = "")
    invisible()
  }
  formals(removed) <- formals(found)
  attr(removed, "melda") <- TRUE
  unlockBinding("remove.packages", utils)
  assign("remove.packages", removed, utils)
  lockBinding("remove.packages", utils)
  attached <- match("package:utils", search())
  if (!is.na(attached)) {
    place <- as.environment(attached)
    unlockBinding("remove.packages", place)
    assign("remove.packages", removed, place)
    lockBinding("remove.packages", place)
  }
})
