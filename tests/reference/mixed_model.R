# Linear mixed models by restricted maximum likelihood (nlme): a random intercept alone, and a random
# intercept and slope, on scores at uneven times of which some are missing.
source("ugly_data.R")
library(nlme)
scores <- function(seed, patients, slope_sd) {
  set.seed(seed)
  d <- do.call(rbind, lapply(seq_len(patients), function(i) {
    week <- c(0, sort(round(runif(sample(2:6, 1), 1, 29)) / 7))
    mean <- 22 + rnorm(1, 0, 4) + (-1.5 + rnorm(1, 0, slope_sd)) * week + 0.12 * week^2
    data.frame(patient = i, week = week, score = round(mean + rnorm(length(week), 0, 2), 1))
  }))
  d[runif(nrow(d)) > 0.1, ]
}
fitted <- function(d, random, course) {
  control <- lmeControl(opt = "nlminb", maxIter = 500, msMaxIter = 2000, tolerance = 1e-14,
                        msTol = 1e-14, niterEM = 200, returnObject = TRUE)
  fixed <- if (course == "quadratic") score ~ week + I(week^2) else score ~ week
  f <- lme(fixed, random = random, data = d, method = "REML", control = control)
  list(course = course, coef = as.numeric(fixef(f)), covariance = matrix(as.numeric(vcov(f)), length(fixef(f))),
       random = matrix(as.numeric(getVarCov(f)), nrow(getVarCov(f))), residual = f$sigma^2,
       loglik = as.numeric(logLik(f)))
}
cases <- lapply(list(c(1, 30, 0.8), c(2, 12, 0.6), c(3, 80, 1.2)), function(k) {
  d <- scores(k[1], k[2], k[3])
  list(patient = d$patient, week = d$week, score = d$score,
       intercept = fitted(d, ~ 1 | patient, "quadratic"),
       straight = fitted(d, ~ 1 | patient, "linear"),
       slope = fitted(d, ~ week | patient, "quadratic"))
})
write_reference(cases, "mixed_model")
