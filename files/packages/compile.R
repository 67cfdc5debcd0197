# Compiles R packages from CRAN into the system's library; root runs it while provisioning: compile.R MIRROR NAME...
# Each that fails is named, and the others are installed all the same. Whoever calls looks at what is there.
given <- commandArgs(trailingOnly = TRUE)
names <- given[-1]
lib <- "/usr/local/lib/R/site-library"
# install.packages() only warns of what fails.
install.packages(names, lib, repos = given[1], Ncpus = parallel::detectCores())
failed <- character()
for (name in names) {
  error <- tryCatch({ loadNamespace(name); NULL }, error = conditionMessage)
  if (is.null(error)) next
  failed <- c(failed, paste0("cannot be compiled: ", name, ": ", sub("\n.*", "", error)))
  # What does not load would count as installed.
  if (nzchar(system.file(package = name, lib.loc = lib))) remove.packages(name, lib)
}
writeLines(failed, "not-compiled") # for who reads it when this is over: beside this file
