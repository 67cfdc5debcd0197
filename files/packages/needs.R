# What R packages of CRAN need and R has not got, as Debian's names: needs.R MIRROR NAME...
# Apt has much of it; install.packages() would compile it all, and fail where a library's headers are missing.
given <- commandArgs(trailingOnly = TRUE)
needs <- tools::package_dependencies(given[-1], available.packages(repos = given[1]), recursive = TRUE)
missing <- setdiff(unlist(needs), c(given[-1], rownames(installed.packages())))
writeLines(paste0(rep("r-cran-", length(missing)), tolower(missing)))
