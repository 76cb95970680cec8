# Matches the tables of evaluate_gene_embeddings() and the embeddings. A task is
# list(kind, items = one row per pair or gene, genes = names, covariates,
# dropped, found, ...). Items have the index in `genes` of their genes `a` and,
# in pairs, `b`; `y` is the label or value, `row` the row of the table.

# Returns embeddings as a named list of matrices, whatever was given.
embedding_list <- function(x) {
  plain <- rlang::is_bare_list(x)
  if (!plain) x <- list(embedding = x)
  check_contenders(x, "x", "embedding", c("chance", "name", "covariates"))
  if (length(x) == 0) abort("The list {.arg x} must not be empty.")
  Map(function(one, name) {
    gene_matrix(one, if (plain) paste0("x$", name) else "x")
  }, x, names(x))
}

gene_matrix <- function(x, arg) {
  if (is.object(x) && !inherits(x, c("Matrix", "data.frame"))) {
    x <- gene_embeddings(x)
  }
  x <- as_numeric_matrix(x, arg, "genes x dimensions, or a fit")
  check_names(rownames(x), "gene", "row", arg, "argument")
  check_finite_rows(x, arg, "gene")
}

# Returns the task of a table; its items name genes in `first` and `second`.
gene_task <- function(data, covariates, negatives) {
  must_be(is.data.frame(data), data, "a data frame")
  kind <- table_kind(names(data))
  sampled <- negatives == "sample"
  if (sampled && kind != "pairs") {
    abort("{.arg negatives}: only pairs of genes ({.field gene1},
           {.field gene2}) can be sampled.")
  }
  if (sampled && length(covariates) > 0) {
    abort("{.arg covariates} cannot be used with sampled pairs.")
  }
  columns <- if (kind == "pairs") c("gene1", "gene2") else c("gene", "gene")
  genes <- lapply(columns, function(column) {
    genes <- as.character(data[[column]])
    bad <- which(is.na(genes) | genes == "")
    abort_if(
      length(bad) > 0,
      "{.arg data}: {.field {column}} has no gene in row {bad[1]}."
    )
    genes
  })
  items <- data.frame(
    first = genes[[1]], second = genes[[2]],
    y = if (sampled) all_positive(data) else task_values(data, kind),
    split = task_split(data, kind), row = seq_len(nrow(data))
  )
  clean_items(list(
    kind = kind, items = items, dropped = integer(), sampled = sampled,
    has_split = !anyNA(items$split),
    covariates = task_covariates(data, covariates)
  ))
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

all_positive <- function(data) {
  abort_if(any(data$label %in% 0), c(
    "{.arg data} has pairs with label 0, so none need to be sampled.",
    i = "Set {.code negatives = \"given\"}, or leave these pairs out."
  ))
  rep(1, nrow(data))
}

task_values <- function(data, kind) {
  column <- if (kind == "numeric") "value" else "label"
  y <- data[[column]]
  abort_if(is.null(y), c(
    "{.arg data} has no column {.field label}.",
    i = "For a table of positives only, set {.code negatives = \"sample\"}."
  ))
  y <- finite_numbers(y, "data", column)
  wrong <- setdiff(y, c(0, 1, NA))
  if (kind != "numeric" && length(wrong) > 0) {
    abort("{.arg data}: {.field label} must be 0 or 1, not {wrong[1]}.")
  }
  y
}

# Missing values are allowed here, and dropped later.
finite_numbers <- function(x, arg, column) {
  if (!(is.numeric(x) || is.logical(x)) || any(is.infinite(x))) {
    abort("{.arg {arg}}: {.field {column}} must hold finite numbers.")
  }
  as.double(x)
}

task_split <- function(data, kind) {
  if (kind != "pairs" || is.null(data[["split"]])) {
    return(NA_character_)
  }
  split <- as.character(data[["split"]])
  lacking <- setdiff(c("train", "test"), split)
  if (length(lacking) > 0) {
    abort("{.arg data}: {.field split} has no {.val {lacking[1]}}.")
  }
  replace(split, is.na(split), "none")
}

# Returns rows x columns: the covariates, and logarithms of those above 0.
task_covariates <- function(data, covariates) {
  table <- named_columns(data, covariates, "covariates", "`data`")
  if (is.null(table)) {
    return(NULL)
  }
  values <- vapply(names(table), function(name) {
    finite_numbers(table[[name]], "covariates", name)
  }, numeric(nrow(table)))
  positive <- which(apply(values > 0, 2, all, na.rm = TRUE))
  cbind(values, log(values[, positive, drop = FALSE]))
}

# Removes rows from a task and counts them by reason.
drop_items <- function(task, out, reason) {
  n <- sum(out)
  if (n > 0) {
    task$items <- task$items[!out, , drop = FALSE]
    task$dropped[reason] <- sum(n, task$dropped[reason], na.rm = TRUE)
  }
  task
}

# Drops rows with a missing value, pairs of a gene with itself, rows of other
# splits, rows that contradict each other, and repeated rows.
clean_items <- function(task) {
  missing <- is.na(task$items$y)
  if (!is.null(task$covariates)) {
    missing <- missing | rowSums(is.na(task$covariates)) > 0
  }
  task <- drop_items(task, missing, "missing value")
  alike <- task$kind == "pairs" & task$items$first == task$items$second
  task <- drop_items(task, alike, "gene with itself")
  others <- !task$items$split %in% c(NA, "train", "test")
  task <- drop_items(task, others, "other split")
  items <- task$items
  key <- paste(pmin(items$first, items$second), pmax(items$first, items$second),
               sep = "\r")
  both <- key %in% key[items$y != items$y[match(key, key)]]
  task <- drop_items(task, both, "contradiction")
  drop_items(task, duplicated(key[!both]), "repeated")
}

# Selects the genes that all embeddings have, ordered by name. Drops items with
# other genes, and training pairs that contain a gene of the test set.
place_genes <- function(task, embeddings) {
  listed <- unique(c(task$items$first, task$items$second))
  known <- lapply(embeddings, rownames)
  known <- c(known, list(all = Reduce(intersect, known)))
  task$genes <- sort(
    intersect(listed, known[[length(known)]]), method = "radix"
  )
  task$found <- data.frame(
    embedding = names(known), listed = length(listed),
    found = vapply(known, function(genes) sum(listed %in% genes), 0L),
    row.names = NULL
  )
  task$items$a <- match(task$items$first, task$genes)
  task$items$b <- match(task$items$second, task$genes)
  out <- is.na(task$items$a) | is.na(task$items$b)
  task <- drop_items(task, out, "gene not found")
  test <- task$items$split %in% "test"
  tested <- unlist(task$items[test, c("a", "b")])
  shared <- !test & (task$items$a %in% tested | task$items$b %in% tested)
  if (any(shared)) {
    note("{sum(shared)} of {sum(!test)} training pairs
          {cli::qty(sum(shared))}{?is/are} left out: {?it contains/they contain}
          a gene of the test set.")
    task <- drop_items(task, shared, "gene of the test set")
  }
  task$items <- task$items[c("a", "b", "y", "split", "row")]
  task
}

# Throws an error if there are too few items to learn from and to test on: of
# each label and, with a split, on each side.
check_task <- function(task, folds) {
  items <- task$items
  by <- list(
    label = if (task$kind != "numeric" && !task$sampled) factor(items$y, 0:1),
    side = if (task$has_split) factor(items$split, c("train", "test"))
  )
  by <- by[lengths(lapply(by, levels)) > 0]
  counts <- if (length(by) > 0) table(by) else nrow(items)
  each <- if (task$kind == "numeric") 4 else 2
  least <- if (task$has_split) 2 else each * folds
  if (min(counts) >= least) {
    return(invisible(task))
  }
  what <- if (task$kind == "pairs") "pair" else "gene"
  abort(c(
    "Too few {what}s of {.arg data} are left: {nrow(items)}{if
       (length(by) > 0) paste0(' (', paste(counts, collapse = ', '),
       ' by ', paste(names(by), collapse = ' and '), ')')}.",
    x = "{length(task$genes)} of {task$found$listed[1]} genes were found in
         {.arg x} (such as {.val {task$genes[1]}}).",
    i = "At least {least} of each kind are needed; do the gene names match in
         {.arg x} and {.arg data}?"
  ), class = "data")
}
