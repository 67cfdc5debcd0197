answer <- function(x = 41) {
  stopifnot(nzchar(standin_version()))
  .Call(add_one, as.double(x))
}
