# How a file stores values of R: a description in JSON, and tensors beside it
# (src/core/support/tensor_file.h). Every value is read back unchanged.
#
# In JSON, null is NULL, and a number, boolean or string is a vector of length
# 1; doubles have a point or an exponent, and as many digits as they need. An
# array is a longer vector, an object a list with names (its other attributes
# are in "%attributes"). Anything else (missing values, attributes, calls, lists
# without names) is an object with "%type", "values" and "attributes". Vectors
# longer than `longest_in_json` are tensors, named by "tensor": numbers as they
# are, matrices row by row, strings as lines of UTF-8.

longest_in_json <- 100L

# Returns list(description, tensors).
describe_values <- function(values) {
  tensors <- list()
  add <- function(where, value) {
    name <- gsub("$", ".", where, fixed = TRUE)
    while (name %in% names(tensors)) name <- paste0(name, "'")
    tensors[[name]] <<- value
    name
  }
  text <- jsonlite::toJSON(
    describe(values, "", add), na = "null", null = "null", json_verbatim = TRUE
  )
  list(description = as.character(text), tensors = tensors)
}

# Returns a value in the form from which jsonlite makes its JSON. `where`: its
# path, such as "a$b[[2]]", for messages and for the names of tensors.
# add(where, value) stores a tensor and returns its name.
describe <- function(value, where, add) {
  if (isS4(value)) refuse_value(where, "an S4 object")
  type <- typeof(value)
  switch(type,
    "NULL" = NULL,
    symbol = tagged(type, as.character(value)),
    language = describe_list(as.list(value), where, add, "call"),
    list = describe_list(value, where, add, type),
    describe_vector(check_storable(value, where), where, add, type)
  )
}

describe_vector <- function(value, where, add, type) {
  if (type == "raw" && !is.null(attr(value, "shape"))) {
    return(tagged("tensor", tensor = add(where, value)))
  }
  plain <- value
  attributes(plain) <- NULL
  more <- describe_attributes(attributes(value), where, add)
  if (is_for_tensor(plain)) {
    tensor <- add(where, as_tensor(value, plain))
    return(tagged(type, attributes = more, tensor = tensor))
  }
  odd <- anyNA(plain) || any(is.infinite(plain))
  if (!is.null(more) || length(plain) == 0 || odd) {
    return(tagged(type, json_values(plain), more))
  }
  json_values(plain, unbox = length(plain) == 1)
}

json_values <- function(plain, unbox = FALSE) {
  if (is.double(plain)) {
    return(json_of_doubles(plain, unbox))
  }
  if (is.character(plain)) plain <- enc2utf8(plain)
  if (unbox) jsonlite::unbox(plain) else plain
}

describe_list <- function(value, where, add, type) {
  more <- attributes(value)
  value <- unclass(value)
  names <- names(value) %||% rep("", length(value))
  steps <- ifelse(
    is.na(names) | names == "", paste0("[[", seq_along(value), "]]"),
    paste0(if (where != "") "$", names)
  )
  parts <- lapply(seq_along(value), function(k) {
    describe(value[[k]], paste0(where, steps[k]), add)
  })
  keys <- !anyNA(names) && !anyDuplicated(names) &&
    !any(names == "" | startsWith(names, "%"))
  if (type == "call" || is.null(more[["names"]]) || !keys) {
    return(tagged(type, parts, describe_attributes(more, where, add)))
  }
  check_storable(names, where)
  names(parts) <- enc2utf8(names)
  more <- more[names(more) != "names"]
  if (length(more) > 0) {
    parts[["%attributes"]] <- describe_attributes(more, where, add)
  }
  parts
}

describe_attributes <- function(more, where, add) {
  if (is.null(more)) {
    return(NULL)
  }
  Map(function(name, value) {
    describe(value, paste0(where, "@", name), add)
  }, names(more), more)
}

tagged <- function(type, values = NULL, attributes = NULL, tensor = NULL) {
  node <- list(`%type` = jsonlite::unbox(type))
  if (!is.null(tensor)) node$tensor <- jsonlite::unbox(tensor)
  if (!is.null(values)) node$values <- values
  if (!is.null(attributes)) node$attributes <- attributes
  node
}

# Writes doubles with 15 digits, or with 17 if 15 do not restore them exactly.
json_of_doubles <- function(x, unbox = FALSE) {
  text <- sprintf("%.15g", x)
  finite <- which(is.finite(x))
  array <- paste0("[", paste(text[finite], collapse = ","), "]")
  read <- jsonlite::fromJSON(array)
  longer <- finite[as.numeric(read) != x[finite]]
  text[longer] <- sprintf("%.17g", x[longer])
  whole <- finite[!grepl("[.e]", text[finite])]
  text[whole] <- paste0(text[whole], ".0")
  text[!is.finite(x)] <- paste0("\"", text[!is.finite(x)], "\"")
  text[is.na(x) & !is.nan(x)] <- "null"
  text <- paste(text, collapse = ",")
  if (length(x) != 1 || !unbox) text <- paste0("[", text, "]")
  structure(text, class = "json")
}

# Strings that are missing or contain line breaks cannot be in a tensor.
is_for_tensor <- function(plain) {
  if (length(plain) <= longest_in_json) {
    return(is.raw(plain))
  }
  !is.character(plain) ||
    !(anyNA(plain) || any(grepl("\n", plain, fixed = TRUE)))
}

as_tensor <- function(value, plain) {
  if (is.character(plain)) {
    return(charToRaw(paste0(paste(enc2utf8(plain), collapse = "\n"), "\n")))
  }
  if (is.logical(plain)) {
    value <- structure(as.integer(plain), dim = dim(value))
    plain <- as.integer(plain)
  }
  if (length(dim(value)) < 2 || is.raw(value)) {
    return(plain)
  }
  aperm(array(plain, dim(value)))
}

check_storable <- function(value, where) {
  type <- typeof(value)
  if (!type %in% c("logical", "integer", "double", "character", "raw")) {
    refuse_value(where, type)
  }
  odd <- is.character(value) &&
    (any(Encoding(value) == "bytes") || !all(validUTF8(enc2utf8(value))))
  if (odd) refuse_value(where, "text that is not UTF-8")
  value
}

refuse_value <- function(where, what) {
  abort(c(
    "`{where}` cannot be stored in a sailer file: {what}.",
    i = "This is a bug in sailer."
  ), call = NULL)
}

# Returns the value that a description and its tensors hold; runs no code in it.
values_of <- function(description, tensors) {
  undescribe(jsonlite::fromJSON(description, simplifyVector = FALSE), tensors)
}

undescribe <- function(node, tensors) {
  if (!is.list(node)) {
    return(node)
  }
  if (is.null(names(node))) {
    return(unlist(node))
  }
  type <- node[["%type"]]
  if (is.null(type)) {
    more <- lapply(node[["%attributes"]], undescribe, tensors)
    node[["%attributes"]] <- NULL
    value <- lapply(node, undescribe, tensors)
    if (length(more) > 0) attributes(value) <- c(attributes(value), more)
    return(value)
  }
  if (type == "symbol") {
    name <- node$values[[1]]
    return(if (name == "") rlang::missing_arg() else as.name(name))
  }
  value <- if (is.null(node$tensor)) {
    undescribe_vector(type, node$values, tensors)
  } else {
    undescribe_tensor(type, tensors[[node$tensor]], node$attributes$dim)
  }
  more <- lapply(node$attributes, undescribe, tensors)
  if (length(more) > 0) attributes(value) <- more
  if (type == "call") as.call(value) else value
}

undescribe_vector <- function(type, values, tensors) {
  filled <- function(missing) {
    vapply(values, function(x) if (is.null(x)) missing else x, missing)
  }
  switch(type,
    list = , call = lapply(values, undescribe, tensors),
    logical = filled(NA),
    integer = filled(NA_integer_),
    double = vapply(
      values, function(x) if (is.null(x)) NA_real_ else as.double(x), 0
    ),
    character = filled(NA_character_),
    stop("The description holds a value of type '", type, "'.")
  )
}

undescribe_tensor <- function(type, tensor, dim) {
  if (is.null(tensor)) stop("The description names a tensor that is missing.")
  if (type == "character") {
    value <- strsplit(rawToChar(tensor), "\n", fixed = TRUE)[[1]]
    Encoding(value) <- "UTF-8"
    return(value)
  }
  value <- switch(type,
    double = core_doubles(tensor),
    logical = as.logical(tensor),
    tensor
  )
  if (length(dim) < 2 || is.raw(value)) {
    return(value)
  }
  as.vector(aperm(array(value, rev(unlist(dim)))))
}
