# Subdistribution hazard ratios by cmprsk::crr and by survival::finegray; cause-specific Cox.
# Run in this folder: Rscript fine_gray.R
source("ugly_data.R")
suppressPackageStartupMessages(library(cmprsk))

d <- cohort(120, 1)
d$event[d$event == 1] <- rep_len(c(1, 2, 1, 3, 2, 1, 1), sum(d$event))
free <- empty_entry(d)
set.seed(6)
smooth <- data.frame(age = round(rnorm(90, 45, 11)), sex = rbinom(90, 1, 0.5))
smooth$time <- rexp(90, 0.01 * exp(0.02 * (smooth$age - 45)))
smooth$event <- sample(0:2, 90, TRUE); smooth$entry <- NA
ask <- c(20, 100, 180)
new <- data.frame(age = c(30, 60), sex = c(0, 1))

crr_case <- function(d, cause = 1, cengroup = NULL) {
  x <- cbind(age = d$age, sex = d$sex)
  if (is.null(cengroup)) cengroup <- rep(1, nrow(d))
  f <- crr(d$time, d$event, x, cengroup = cengroup, failcode = cause, gtol = 1e-13, maxiter = 50)
  p <- predict(f, as.matrix(new))
  at <- sapply(ask, function(t) {
    row <- sum(p[, 1] <= t)
    if (row == 0) c(0, 0) else p[row, -1]
  })
  list(data = as.list(d[c("time", "event", "entry", "age", "sex")]), cause = cause,
       cengroup = cengroup, coef = f$coef, variance = f$var, loglik = c(f$loglik.null, f$loglik),
       at = at)
}

fg_case <- function(d, cause = 1, weights = NULL, strata = NULL, cluster = NULL, ties = "efron") {
  d$id <- seq_len(nrow(d)); d$w <- if (is.null(weights)) 1 else weights
  d$stratum <- d$s <- if (is.null(strata)) 1 else strata
  d$cl <- if (is.null(cluster)) d$id else cluster
  d$state <- factor(d$event, 0:max(d$event)); d$start <- started(d)
  late <- !all(is.na(d$entry))
  f <- if (late && is.null(strata)) Surv(start, time, state) ~ .
    else if (late) Surv(start, time, state) ~ age + sex + cl + stratum + strata(s)
    else if (is.null(strata)) Surv(time, state) ~ .
    else Surv(time, state) ~ age + sex + cl + stratum + strata(s)
  keep <- c("time", "start", "state", "age", "sex", "id", "w", "s", "stratum", "cl")
  w <- finegray(f, d[keep], weights = w, id = id, etype = as.character(cause))
  g <- if (is.null(strata)) Surv(fgstart, fgstop, fgstatus) ~ age + sex else
    Surv(fgstart, fgstop, fgstatus) ~ age + sex + strata(stratum)
  m <- coxph(g, w, weights = fgwt, cluster = cl, ties = ties,
             control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50))
  at <- if (is.null(strata))
    1 - summary(survfit(m, newdata = new, se.fit = FALSE), times = ask, extend = TRUE)$surv
  list(data = c(as.list(d[c("time", "event", "entry", "age", "sex")]), list(weight = weights)),
       cause = cause, strata = strata, cluster = cluster, ties = ties, coef = coef(m),
       variance = vcov(m), loglik = m$loglik, at = if (!is.null(at)) t(at))
}

cause_case <- function(d, cause) {
  m <- coxph(Surv(time, event == cause) ~ age + sex, d,
             control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50))
  list(data = as.list(d[c("time", "event", "entry", "age", "sex")]), cause = cause,
       coef = coef(m), std_error = sqrt(diag(vcov(m))))
}

write_reference(list(
  ask = ask, new = as.list(new),
  crr = list(visits = crr_case(free), other = crr_case(free, 2), continuous = crr_case(smooth),
             groups = crr_case(free, cengroup = d$stratum)),
  finegray = list(
    visits = fg_case(free), breslow = fg_case(free, ties = "breslow"), other = fg_case(free, 2),
    continuous = fg_case(smooth), weights = fg_case(free, weights = d$ipw),
    strata = fg_case(free, strata = d$stratum), clusters = fg_case(free, cluster = d$cluster),
    # With strata this version of finegray gives patients the weights of others.
    late = fg_case(d), late_weights = fg_case(d, 1, d$ipw),
    late_strata_clusters = fg_case(d, 1, NULL, d$stratum, d$cluster)),
  cause_specific = list(relapse = cause_case(free, 1), death = cause_case(free, 2))
), "fine_gray")
