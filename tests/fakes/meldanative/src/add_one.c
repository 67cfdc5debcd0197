#include <Rinternals.h>

SEXP add_one(SEXP x) { return ScalarReal(asReal(x) + 1); }
