# Quiet, because a notebook's first output is the user's. Without the version check, because a session that cannot ask (a
# notebook) would compile whatever CRAN has newer.
options(bspm.version.check = FALSE)
suppressMessages(bspm::enable())
