# The decoder of a dense model in plain R, from the parameters of a fit: an
# independent implementation to compare the core with.

fit_tensor <- function(fit, name) {
  stored <- fit$state[[name]]
  if (is.null(stored)) {
    return(NULL)
  }
  values <- readBin(
    stored, "numeric", length(stored) / 4, size = 4, endian = "little"
  )
  shape <- attr(stored, "shape")
  if (length(shape) < 2) {
    return(values)
  }
  aperm(array(values, rev(shape)), rev(seq_along(shape)))
}

# Input of the last layer, cells x units; the first column is the bias's ones.
plain_hidden <- function(fit, z, confounders) {
  if (nrow(confounders) == 1) {
    confounders <- confounders[rep(1, nrow(z)), , drop = FALSE]
  }
  h <- unname(cbind(z, confounders))
  layer <- 0
  repeat {
    part <- function(name) {
      fit_tensor(fit, sprintf("decoder.%d.%s", layer, name))
    }
    weight <- part("weight")
    if (is.null(weight)) break
    h <- h %*% matrix(weight, dim(weight)[2], dim(weight)[3])
    h <- t((t(h) + part("bias") - part("norm.mean")) /
             sqrt(part("norm.variance") + 1e-5) * part("norm.weight") +
             part("norm.bias"))
    h <- ifelse(h > 0, h, 0.2 * h)
    layer <- layer + 1
  }
  cbind(1, h)
}

# Bias and weights of the last layer, peaks x (1 + units).
plain_output <- function(fit) {
  cbind(
    fit_tensor(fit, "decoder.output.bias"),
    fit_tensor(fit, "decoder.output.weight")
  )
}

# Probabilities, peaks x cells.
plain_decode <- function(fit, z, confounders, peaks = seq_along(fit$peaks)) {
  output <- plain_output(fit)[peaks, , drop = FALSE]
  logits <- output %*% t(plain_hidden(fit, z, confounders))
  stats::plogis(logits - log(fit$options$omega))
}
