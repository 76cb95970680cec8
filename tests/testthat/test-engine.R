sim <- tiny_simulation()

trained <- function(..., engine = NULL) {
  control <- quick(...)
  control$engine <- engine
  quick_fit(sim$counts, batch = sim$cells$batch, control = control)
}

test_that("the fused and the tensor engine learn the same model", {
  fused <- trained()
  expect_identical(embedding(trained(engine = "fused")), embedding(fused))
  other <- trained(engine = "tensor")
  # Sums in another order: equal up to rounding, which training amplifies.
  expect_equal(embedding(other), embedding(fused), tolerance = 1e-3)
  expect_equal(other$history$loss, fused$history$loss, tolerance = 1e-4)
  expect_error(
    trained(engine = "warp"), "engine", class = "sailer_argument_error"
  )
})

test_that("options of the engine are refused by name", {
  expect_error(train_control(precision = "half"), "precision.*bf16",
               class = "sailer_argument_error")
})

test_that("bf16 is used if it is fast, and reported if it is not", {
  if (core_bf16_is_fast("cpu")) {
    fit <- trained(precision = "bf16", device = "cpu")
    expect_identical(fit$control$precision, "bf16")
    expect_equal(fit$history$loss, trained()$history$loss, tolerance = 0.02)
  } else {
    expect_warning(
      fit <- trained(precision = "bf16", device = "cpu"), "float32"
    )
    expect_identical(fit$control$precision, "float32")
    expect_identical(embedding(fit), embedding(trained(device = "cpu")))
  }
})

test_that("training on a GPU agrees with the CPU", {
  skip_if(length(core_list_devices()) < 2, "no GPU is visible")
  here <- trained(device = "cpu", epochs = 10)
  there <- trained(device = "cuda", epochs = 10)
  expect_equal(
    tail(there$history$validation_log_likelihood, 1),
    tail(here$history$validation_log_likelihood, 1),
    tolerance = 0.03
  )
})
