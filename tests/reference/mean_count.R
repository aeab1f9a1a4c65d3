# Mean cumulative counts: cumhaz and std.chaz where nothing ends the follow-up for good, and with
# death the product with its survival, the influence of each patient by the rule of the product.
source("ugly_data.R")
source("recurrent_rows.R")
plain <- function(d, weights = NULL, cluster = d$id) {
  d$weight <- if (is.null(weights)) 1 else weights
  d$event <- as.integer(d$to == "using")
  d$who <- cluster
  fit <- survfit(Surv(started(d), d$time, d$event) ~ 1, id = d$id, cluster = d$who,
                 weights = d$weight, robust = TRUE)
  list(data = as.list(d[c("id", "entry", "time", "event", "weight")]), cluster = cluster,
       time = fit$time, at_risk = fit$n.risk, count = fit$cumhaz, std_error = fit$std.chaz)
}
with_death <- function(d, weights = NULL) {
  d$weight <- if (is.null(weights)) 1 else weights
  d$event <- c(none = 0, free = 0, using = 1, dead = 2)[d$to]
  begin <- started(d)
  own <- survfit(Surv(begin, d$time, d$event == 1) ~ 1, id = d$id, cluster = d$id,
                 weights = d$weight, influence = 3)
  death <- survfit(Surv(begin, d$time, d$event == 2) ~ 1, id = d$id, cluster = d$id,
                   weights = d$weight, influence = 3)
  before <- c(1, death$surv[-length(death$surv)])
  step <- diff(c(0, own$cumhaz))
  k <- length(own$time)
  moved <- own$influence.chaz
  moved <- moved - cbind(0, moved[, -k, drop = FALSE])
  lost <- cbind(0, death$influence.surv[, -k, drop = FALSE])
  each <- t(apply(sweep(moved, 2, before, "*") + sweep(lost, 2, step, "*"), 1, cumsum))
  list(data = as.list(d[c("id", "entry", "time", "event", "weight")]), cluster = d$id,
       time = own$time, at_risk = own$n.risk, count = cumsum(before * step),
       std_error = sqrt(colSums(each^2)))
}
d <- recurrent_rows(60, 11)
small <- lapply(small_rows[setdiff(names(small_rows), c("everybody_dies", "emptied_early"))], plain)
cases <- c(small, list(
  between = plain(recurrent_rows(40, 8, between = TRUE)),
  between_death = with_death(recurrent_rows(40, 8, between = TRUE)),
  visits = plain(d), whole_weights = plain(d, d$whole), weighted = plain(d, d$ipw),
  clustered = plain(d, d$ipw, d$cluster), death = with_death(d),
  weighted_death = with_death(d, d$ipw), everybody_dies = with_death(small_rows$everybody_dies)
))
write_reference(cases, "mean_count")
