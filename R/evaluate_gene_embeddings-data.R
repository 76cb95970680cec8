# The tables of evaluate_gene_embeddings() and the embeddings, made fit for one
# another: a task is list(kind, items = a row per pair or gene, genes = names,
# covariates, dropped, found). Items name genes by their place in `genes`: `a`
# and, in pairs, `b`; `y` is the label or value, `row` the row of the table.

# A named list of matrices, whatever was given.
embedding_list <- function(x) {
  plain <- rlang::is_bare_list(x)
  if (!plain) x <- list(embedding = x)
  if (length(x) == 0 || !rlang::is_dictionaryish(x)) {
    abort("A list {.arg x} must hold embeddings, each by a name of its own.")
  }
  reserved <- intersect(names(x), c("chance", "name", "covariates"))
  if (length(reserved)) {
    abort("{.arg x}: {.val {reserved[1]}} is the name of a baseline; give the
           embedding another.")
  }
  Map(function(one, name) {
    gene_matrix(one, if (plain) paste0("x$", name) else "x")
  }, x, names(x))
}

gene_matrix <- function(x, arg) {
  if (is.object(x) && !inherits(x, c("Matrix", "data.frame"))) {
    x <- gene_embeddings(x)
  }
  x <- as_numeric_matrix(x, arg, "genes x dimensions, or a fit")
  genes <- rownames(x)
  if (is.null(genes) || anyNA(genes) || !all(nzchar(genes))) {
    abort("{.arg {arg}} must have the names of its genes as row names.")
  }
  if (anyDuplicated(genes)) {
    abort("{.arg {arg}} has gene {.val {genes[duplicated(genes)][1]}} several
           times; keep one row of each.")
  }
  bad <- row(x)[!is.finite(x)]
  if (length(bad)) {
    abort("{.arg {arg}} must not have missing or infinite values, as gene
           {.val {genes[bad[1]]}} has.")
  }
  x
}

# The task of a table, with the names of genes in `first` and `second`.
gene_task <- function(data, covariates, negatives) {
  if (!is.data.frame(data)) {
    abort("{.arg data} must be a data frame, not {.obj_type_friendly {data}}.")
  }
  kind <- table_kind(names(data))
  if (negatives == "sample" && kind != "pairs") {
    abort("{.arg negatives}: only pairs of genes ({.field gene1},
           {.field gene2}) are sampled.")
  }
  columns <- if (kind == "pairs") c("gene1", "gene2") else "gene"
  genes <- lapply(columns, function(column) gene_column(data, column))
  items <- data.frame(
    first = genes[[1]], second = genes[[length(genes)]],
    y = task_values(data, kind, negatives),
    split = task_split(data, kind), row = seq_len(nrow(data))
  )
  task <- list(
    kind = kind, items = items, dropped = integer(),
    sampled = negatives == "sample", has_split = !anyNA(items$split),
    covariates = task_covariates(data, covariates, negatives)
  )
  clean_items(task)
}

table_kind <- function(columns) {
  if (all(c("gene1", "gene2") %in% columns)) {
    return("pairs")
  }
  if ("gene" %in% columns && sum(c("label", "value") %in% columns) == 1) {
    return(if ("label" %in% columns) "binary" else "numeric")
  }
  abort(c(
    "{.arg data} has the columns {.field {columns}}.",
    i = "Expected {.field gene1}, {.field gene2} and {.field label} for pairs,
         {.field gene} and {.field label} for classes, or {.field gene} and
         {.field value} for numbers."
  ))
}

gene_column <- function(data, column) {
  genes <- as.character(data[[column]])
  if (anyNA(genes) || any(genes == "")) {
    row <- which(is.na(genes) | genes == "")[1]
    abort("{.arg data}: {.field {column}} names no gene in row {row}.")
  }
  genes
}

task_values <- function(data, kind, negatives) {
  if (negatives == "sample") {
    if (any(data$label %in% 0)) {
      abort(c(
        "{.arg data} has pairs with label 0, so none need be sampled.",
        i = "Set {.code negatives = \"given\"}, or leave these pairs out."
      ))
    }
    return(1)
  }
  column <- if (kind == "numeric") "value" else "label"
  y <- data[[column]]
  if (is.null(y)) {
    abort(c(
      "{.arg data} has no column {.field label}.",
      i = "For a table of positives alone set {.code negatives = \"sample\"}."
    ))
  }
  if (is.logical(y)) y <- as.numeric(y)
  if (!is.numeric(y) || any(is.infinite(y))) {
    abort("{.arg data}: {.field {column}} must hold finite numbers.")
  }
  if (kind != "numeric" && !all(y %in% c(0, 1, NA))) {
    wrong <- setdiff(y, c(0, 1, NA))[1]
    abort("{.arg data}: {.field label} must be 0 or 1, not {wrong}.")
  }
  as.double(y)
}

task_split <- function(data, kind) {
  if (kind != "pairs" || is.null(data[["split"]])) {
    return(NA_character_)
  }
  split <- as.character(data[["split"]])
  for (side in c("train", "test")) {
    if (!side %in% split) {
      abort("{.arg data}: {.field split} has no {.val {side}}.")
    }
  }
  replace(split, is.na(split), "none")
}

# Rows x columns: the covariates, and logarithms of those above 0.
task_covariates <- function(data, covariates, negatives) {
  if (length(covariates) == 0) {
    return(NULL)
  }
  if (negatives == "sample") {
    abort("{.arg covariates} cannot be had for pairs that are sampled.")
  }
  table <- named_columns(data, covariates, "covariates", "`data`")
  for (name in names(table)) {
    if (!is.numeric(table[[name]]) || any(is.infinite(table[[name]]))) {
      abort("{.arg covariates}: column {.val {name}} must hold finite numbers.")
    }
  }
  values <- as.matrix(table)
  positive <- which(apply(values > 0, 2, all, na.rm = TRUE))
  cbind(values, log(values[, positive, drop = FALSE]))
}

# Takes rows out of a task and counts them by the reason.
drop_items <- function(task, out, reason) {
  n <- sum(out)
  if (n > 0) {
    task$items <- task$items[!out, , drop = FALSE]
    task$dropped[reason] <- sum(n, task$dropped[reason], na.rm = TRUE)
  }
  task
}

# Without rows that hold no value, pairs of a gene with itself, repeated rows
# and rows that contradict each other.
clean_items <- function(task) {
  items <- task$items
  missing <- is.na(items$y)
  if (!is.null(task$covariates)) {
    missing <- missing | rowSums(is.na(task$covariates)) > 0
  }
  task <- drop_items(task, missing, "missing value")
  if (task$kind == "pairs") {
    task <- drop_items(
      task, task$items$first == task$items$second, "gene with itself"
    )
  }
  task <- drop_items(
    task, !task$items$split %in% c(NA, "train", "test"), "other split"
  )
  items <- task$items
  key <- paste(pmin(items$first, items$second), pmax(items$first, items$second),
               sep = "\r")
  differs <- items$y != items$y[match(key, key)]
  task <- drop_items(task, key %in% key[differs], "contradiction")
  key <- key[!key %in% key[differs]]
  drop_items(task, duplicated(key), "repeated")
}

# The genes that all embeddings have, in the order of their names; items on
# other genes are dropped.
place_genes <- function(task, embeddings) {
  listed <- unique(c(task$items$first, task$items$second))
  found <- vapply(embeddings, function(x) sum(listed %in% rownames(x)), 0L)
  shared <- Reduce(intersect, lapply(embeddings, rownames))
  task$genes <- sort(intersect(listed, shared), method = "radix")
  task$found <- data.frame(
    embedding = c(names(embeddings), "all"), listed = length(listed),
    found = c(found, length(task$genes)), row.names = NULL
  )
  task$items$a <- match(task$items$first, task$genes)
  task$items$b <- match(task$items$second, task$genes)
  out <- is.na(task$items$a) | is.na(task$items$b)
  task <- drop_items(task, out, "gene not found")
  if (task$has_split) task <- part_genes(task)
  task$items <- task$items[c("a", "b", "y", "split", "row")]
  task
}

# Training pairs without a gene of the test.
part_genes <- function(task) {
  test <- task$items$split == "test"
  tested <- unlist(task$items[test, c("a", "b")])
  shared <- !test & (task$items$a %in% tested | task$items$b %in% tested)
  if (any(shared)) {
    note("{sum(shared)} training pair{?s} {?is/are} left out of {sum(!test)}:
          {?it/they} hold{?s/} a gene of the test.")
  }
  drop_items(task, shared, "gene of the test")
}

# Enough to learn from and to be tested on? Of labels each kind counts, and with
# a split each side.
check_task <- function(task, options) {
  items <- task$items
  what <- if (task$kind == "pairs") "pair" else "gene"
  sides <- if (task$has_split) c("train", "test") else "all"
  side <- factor(if (task$has_split) items$split else rep("all", nrow(items)),
                 sides)
  by_label <- task$kind != "numeric" && !task$sampled
  counts <- if (by_label) table(factor(items$y, 0:1), side) else table(side)
  each <- if (task$kind == "numeric") 4 else 2
  least <- if (task$has_split) 2 else each * options$folds
  if (min(counts) >= least) {
    return(invisible(task))
  }
  abort(c(
    "Too few {what}s of {.arg data} are left: {nrow(items)}{if
       (length(counts) > 1) paste0(' (', paste(counts, collapse = ', '),
       ' by label', if (task$has_split) ' and side', ')')}.",
    x = "{length(task$genes)} of {task$found$listed[1]} genes were found in
         {.arg x} (such as {.val {task$genes[1]}}).",
    i = "At least {least} of a kind are needed; are genes named alike in
         {.arg x} and {.arg data}?"
  ), class = "data")
}
