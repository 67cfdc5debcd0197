# Compiles R packages from CRAN into the system's library; root runs it while provisioning: compile.R MIRROR NAME...
# Each that fails is named, and the others are installed all the same. Whoever calls looks at what is there.
given <- commandArgs(trailingOnly = TRUE)
names <- given[-1]
# install.packages() only warns of what fails.
install.packages(names, repos = given[1], Ncpus = parallel::detectCores())
failed <- character()
for (name in names) {
  error <- tryCatch({ loadNamespace(name); NULL }, error = conditionMessage)
  if (is.null(error)) next
  failed <- c(failed, paste0("cannot be compiled: ", name, ": ", sub("\n.*", "", error)))
  # What does not load would count as installed.
  if (nzchar(system.file(package = name, lib.loc = .libPaths()[1]))) remove.packages(name, .libPaths()[1])
}
writeLines(failed, "not-compiled") # for who reads it when this is over: beside this file
