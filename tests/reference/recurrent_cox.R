# Andersen-Gill and Prentice-Williams-Peterson, tied visits, late entry, weights, clusters.
source("ugly_data.R")
source("recurrent_rows.R")
d <- recurrent_rows(80, 31)
d$event <- as.integer(d$to == "using")
d$begin <- started(d)
d$episode <- ave(d$event, d$id, FUN = function(e) cumsum(e) - e) + 1
first <- ave(d$begin, d$id, d$episode, FUN = min)
d$gap <- d$time - ifelse(first == -1, 0, first)
d$gap_begin <- ifelse(d$begin == first, -1, d$begin - ifelse(first == -1, 0, first))
d$many <- pmin(d$episode, 3)
control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)
fitted <- function(formula, data = d, cluster = data$id, weights = NULL, ties = "efron") {
  data$who <- cluster
  data$weight <- if (is.null(weights)) 1 else weights
  fit <- coxph(formula, data, cluster = who, weights = weight, ties = ties, control = control)
  list(data = as.list(data[c("id", "entry", "time", "event", "age", "dose", "weight")]),
       group = data$group, cluster = cluster, ties = ties, coef = unname(fit$coefficients),
       std_error = sqrt(diag(fit$naive.var)), robust = sqrt(diag(fit$var)),
       loglik = fit$loglik)
}
free <- d[d$state == "free", ]
free$episode <- ave(free$event, free$id, FUN = function(e) cumsum(e) - e) + 1
start <- ave(free$begin, free$id, free$episode, FUN = min)
free$gap <- free$time - ifelse(start == -1, 0, start)
free$gap_begin <- ifelse(free$begin == start, -1, free$begin - ifelse(start == -1, 0, start))
total <- Surv(begin, time, event) ~ age + dose
cases <- list(
  andersen_gill = fitted(total), weighted = fitted(total, weights = d$ipw),
  clustered = fitted(total, cluster = d$cluster), breslow = fitted(total, ties = "breslow"),
  strata = fitted(Surv(begin, time, event) ~ age + dose + strata(group)),
  free_only = fitted(total, free),
  pwp_total = fitted(Surv(begin, time, event) ~ age + dose + strata(episode)),
  pwp_gap = fitted(Surv(gap_begin, gap, event) ~ age + dose + strata(episode)),
  pwp_gap_free = fitted(Surv(gap_begin, gap, event) ~ age + dose + strata(episode), free),
  pwp_total_3 = fitted(Surv(begin, time, event) ~ age + dose + strata(many)),
  pwp_gap_strata = fitted(Surv(gap_begin, gap, event) ~ age + dose + strata(episode, group),
                          weights = d$ipw)
)
write_reference(cases, "recurrent_cox")
