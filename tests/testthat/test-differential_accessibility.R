# Groups of a few hundred cells with known truth: two types in two batches, and
# a third type, in which half of the cells have a third of the depth.
truth_case <- local({
  made <- NULL
  function() {
    if (!is.null(made)) {
      return(made)
    }
    sim <- simulate_atac(
      n_cells = 900, n_peaks = 1000, n_types = 3, n_batches = 2, rare = NULL,
      depth = 90, depth_sd = 0.3, type_specific = 0.1, seed = 4
    )
    type <- as.character(sim$cells$cell_type)
    shallow <- type == "type3" & seq_along(type) %% 2 == 0
    counts <- sim$counts
    of_cell <- rep(seq_along(type), diff(counts@p))
    counts@x <- withr::with_seed(1, ifelse(
      shallow[of_cell], rbinom(length(counts@x), counts@x, 1 / 3), counts@x
    ))
    counts <- Matrix::drop0(counts)
    fit <- sailer(
      counts, batch = sim$cells$batch, hidden = 64,
      control = usual()
    )
    made <<- list(
      fit = fit, counts = counts, type = type, shallow = shallow,
      batch = as.character(sim$cells$batch), truth = sim$truth[, fit$peaks]
    )
    made
  }
})

compared <- function(case, ...) {
  differential_accessibility(case$fit, ..., x = case$counts)
}

test_that("called peaks truly differ, in the reported direction", {
  case <- truth_case()
  found <- compared(case, case$type, "type1", "type2")
  difference <- (case$truth["type1", ] - case$truth["type2", ])[found$peak]
  called <- found$is_da
  # The target was 0.05; a null peak has the same truth in both groups.
  expect_gt(sum(called), 40)
  expect_lt(mean(difference[called] == 0), 0.12)
  real <- called & difference != 0
  expect_gt(
    mean(sign(found$effect_size[real]) == sign(difference[real])), 0.98
  )
  raw <- found$emp_prob_1 - found$emp_prob_2
  expect_gt(mean(sign(raw[called]) == sign(found$effect_size[called])), 0.98)
  expect_gt(cor(raw[called], found$effect_size[called]), 0.95)
  # Posterior means alone agree with samples of the posterior.
  means <- differential_accessibility(case$fit, case$type, "type1", "type2")
  expect_gt(cor(means[found$peak, "se"], found$se), 0.95)
  expect_false("emp_prob_1" %in% names(means))
})

test_that("the columns are as documented", {
  case <- truth_case()
  found <- compared(case, case$type, "type1", "type2")
  expect_equal(nrow(found), length(case$fit$peaks))
  expect_equal(rownames(found), found$peak)
  expect_false(is.unsorted(-found$prob_da))
  expect_equal(found$effect_size, found$prob_1 - found$prob_2)
  offset <- attr(found, "offset")
  expect_equal(offset, min(0.5 / 300, 0.1 * mean(case$fit$frequencies)))
  expect_equal(
    found$log2_fold_change,
    log2((found$prob_1 + offset) / (found$prob_2 + offset))
  )
  expect_equal(found$fdr, cumsum(1 - found$prob_da) / seq_len(nrow(found)))
  expect_equal(found$is_da, found$fdr <= 0.05)
  expect_equal(
    paste(found$seqnames, found$start, found$end, sep = "-"), found$peak
  )
  own <- case$type == "type1"
  expect_equal(
    found$emp_prob_1,
    unname(Matrix::rowMeans(case$counts[found$peak, own] > 0))
  )
  # Posterior odds divided by prior odds: all have the same prior.
  odds <- function(p) log(p / (1 - p))
  middle <- found$prob_da > 1e-6 & found$prob_da < 1 - 1e-6
  prior <- odds(found$prob_da[middle]) - found$bayes_factor[middle]
  expect_lt(diff(range(prior)), 1e-6)
})

test_that("means agree with the plain decoder", {
  case <- truth_case()
  fit <- case$fit
  found <- differential_accessibility(
    fit, case$type, "type1", "type2", batch = "batch2"
  )
  row <- fixed_confounders(fit, "batch2")
  for (k in 1:2) {
    own <- case$type == paste0("type", k)
    mean <- rowMeans(plain_decode(fit, fit$embedding[own, ], row))
    expect_equal(
      found[fit$peaks, paste0("prob_", k)], mean, tolerance = 1e-4
    )
  }
})

test_that("a difference in depth alone is not reported", {
  case <- truth_case()
  group <- ifelse(
    case$type == "type3", ifelse(case$shallow, "shallow", "deep"), NA
  )
  found <- compared(case, group, "deep", "shallow")
  raw <- log2((found$emp_prob_1 + 1e-3) / (found$emp_prob_2 + 1e-3))
  expect_gt(mean(raw > 1), 0.6)
  expect_lte(sum(found$is_da), 2)
  expect_lt(abs(log2(mean(found$prob_1) / mean(found$prob_2))), 0.3)
})

test_that("random labels within a type give no calls", {
  case <- truth_case()
  group <- withr::with_seed(2, ifelse(
    case$type == "type1", sample(c("a", "b"), 900, TRUE), NA
  ))
  # The first of the two labels in alphabetical order is group 1.
  found <- compared(case, group)
  expect_equal(sum(found$is_da), 0)
  expect_gt(
    sum(abs(found$emp_prob_1 - found$emp_prob_2) > found$emp_prob_2 / 2), 50
  )
})

test_that("differences and the requested FDR are supported", {
  case <- truth_case()
  found <- compared(
    case, case$type, "type1", "type2", change = "difference", delta = 0.03
  )
  truth <- (case$truth["type1", ] - case$truth["type2", ])[found$peak]
  expect_gt(sum(found$is_da), 40)
  expect_lt(mean(truth[found$is_da] == 0), 0.15)
  strict <- compared(
    case, case$type, "type1", "type2", change = "difference", delta = 0.03,
    fdr = 0.001
  )
  expect_lt(sum(strict$is_da), sum(found$is_da))
  expect_equal(strict$se, found$se)
})

test_that("balance gives both groups the same mixture of labels", {
  side <- rep(c(1, 1, 2, 2, 0), c(10, 30, 20, 5, 4))
  label <- rep(c("a", "b", "a", "b", "a"), c(10, 30, 20, 5, 4))
  weight <- balance_cells(side, label)
  share <- function(k) {
    own <- side == k
    tapply(weight[own], label[own], sum) / sum(weight[own])
  }
  expect_equal(share(1), share(2))
  expect_equal(
    unname(as.vector(share(1))),
    c(10 * 20 / 30, 30 * 5 / 35) / (10 * 20 / 30 + 30 * 5 / 35)
  )
  expect_true(all(weight[side == 0] == 0))
  label[side == 2 & label == "b"] <- "c"
  expect_message(
    weight <- balance_cells(side, label), "35 cells"
  )
  expect_true(all(weight[label != "a"] == 0))
  expect_error(
    balance_cells(side, ifelse(side == 1, "a", "b")),
    class = "sailer_argument_error"
  )
})

test_that("a seed gives reproducible results and leaves R's generator", {
  case <- truth_case()
  run <- function(seed) {
    compared(case, case$type, "type1", "type2", seed = seed)
  }
  set.seed(5)
  before <- .Random.seed
  first <- run(1)
  expect_identical(.Random.seed, before)
  expect_identical(run(1), first)
  expect_false(identical(run(2), first))
})

test_that("results of few peaks equal those among all, in any cell order", {
  case <- truth_case()
  all <- differential_accessibility(case$fit, case$type, "type1", "type2")
  some <- differential_accessibility(
    case$fit, stats::setNames(case$type, case$fit$cells)[900:1], "type1",
    "type2", peaks = case$fit$peaks[c(9, 4, 30)]
  )
  expect_setequal(some$peak, case$fit$peaks[c(9, 4, 30)])
  expect_equal(some$prob_da, all[some$peak, "prob_da"], tolerance = 0.02)
  # New cells, from counts only, with the peaks in another order.
  kept <- case$type %in% c("type1", "type2")
  new <- case$counts[rev(seq_len(nrow(case$counts))), kept]
  colnames(new) <- paste0("new_", colnames(new))
  found <- differential_accessibility(
    case$fit, case$type[kept], "type1", x = new
  )
  expect_gt(cor(found[all$peak, "effect_size"], all$effect_size), 0.99)
})

test_that("levels of a factor decide which group comes first", {
  case <- truth_case()
  kept <- case$type %in% c("type1", "type2")
  type <- ifelse(kept, case$type, NA)
  effect <- function(groups) {
    found <- differential_accessibility(
      case$fit, groups, peaks = case$fit$peaks[1:20]
    )
    found[case$fit$peaks[1:20], "effect_size"]
  }
  expect_equal(effect(factor(type, c("type2", "type1"))), -effect(type))
  expect_equal(effect(factor(type, c("type1", "type2"))), effect(type))
})

test_that("invalid comparisons are refused by name", {
  case <- truth_case()
  refused <- function(pattern, ..., class = "sailer_argument_error") {
    expect_error(
      differential_accessibility(case$fit, ...), pattern, class = class
    )
  }
  refused("type9", case$type, "type9")
  refused("group_1", case$type)
  refused("in common", case$type, "type1", c("type1", "type2"))
  refused("10 values", case$type[1:10], "type1")
  refused("nowhere", case$type, "type1", peaks = "nowhere")
  refused("batch7", case$type, "type1", batch = "batch7")
  refused("delta", case$type, "type1", delta = -1)
  refused("fdr", case$type, "type1", fdr = 2)
  refused("vector", list(1), "type1")
  one <- case$type
  one[one == "type1"][-1] <- NA
  refused("at least 2", one, "type1", class = "sailer_data_error")
  refused(
    "not in", case$type, "type1", x = case$counts[1:300, ],
    class = "sailer_data_error"
  )
  expect_error(
    differential_accessibility(list(), "a"), "fit",
    class = "sailer_argument_error"
  )
  broken <- case$fit
  broken["embedding"] <- list(NULL)
  expect_error(
    differential_accessibility(broken, case$type, "type1", "type2"),
    "resume", class = "sailer_argument_error"
  )
})

test_that("the chromosome architecture and a wide last layer work", {
  sim <- tiny_simulation()
  for (form in list(
    list(architecture = "chromosome", hidden = c(8, 4), n_latent = 4),
    list(hidden = 200, n_latent = 4),
    list(hidden = 16, n_latent = 4, decoder = "linear")
  )) {
    fit <- do.call(sailer, c(
      list(sim$counts, batch = sim$cells$batch, control = quick(epochs = 3)),
      form
    ))
    found <- differential_accessibility(
      fit, sim$cells$cell_type, "type1", "type2", x = sim$counts
    )
    expect_true(all(is.finite(found$se) & found$se > 0))
    expect_equal(nrow(found), length(fit$peaks))
  }
})
