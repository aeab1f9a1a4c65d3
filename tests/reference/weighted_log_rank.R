# The weighted log-rank family and the trend test as score tests of Cox's model: survdiff knows S^rho
# only. Rows are split at the distinct times; a covariate is the group (or its score) times w(t).
source("ugly_data.R")

# w of each stratum at its times, counted directly.
weights_of <- function(d) {
  rows <- list()
  for (s in unique(d$s)) {
    x <- d[d$s == s, ]
    before <- 1; own <- 1
    for (t in sort(unique(x$time))) {
      n <- sum(x$w[x$time >= t & x$start < t]); e <- sum(x$w[x$time == t & x$event == 1])
      own <- own * (1 - e / (n + 1))
      rows[[length(rows) + 1]] <- data.frame(s = s, time = t, gehan = n, tarone = sqrt(n),
        peto = own, late = 1 - before, both = sqrt(before) * (1 - before)^2, logrank = 1)
      before <- before * (1 - e / n)
    }
  }
  do.call(rbind, rows)
}
kinds <- c("gehan", "tarone", "peto", "late", "both")

scores <- function(d, kind, covariates, robust = FALSE) {
  d$id <- seq_len(nrow(d))
  split <- survSplit(Surv(start, time, event) ~ ., d, cut = sort(unique(d$time)))
  table <- weights_of(d)
  at <- match(paste(split$s, sprintf("%.12g", split$time)),
              paste(table$s, sprintf("%.12g", table$time)))
  # Where nobody of the stratum ends there is no event either: any weight will do.
  w <- ifelse(is.na(at), 1, table[[kind]][at])
  z <- as.matrix(split[covariates]) * w
  start0 <- rep(0, ncol(z))
  if (robust)
    coxph(Surv(start, time, event) ~ z + strata(s) + cluster(id), split, weights = w0,
          ties = "breslow", init = start0, iter.max = 0)$rscore
  else
    coxph(Surv(start, time, event) ~ z + strata(s), split, ties = "exact", init = start0,
          iter.max = 0)$score
}

prepare <- function(d, strata = FALSE, weight = NULL) {
  out <- data.frame(start = started(d), time = d$time, event = d$event,
                    s = if (strata) d$stratum else 1,
                    b = as.integer(d$group == "b"), c = as.integer(d$group == "c"),
                    dose = c(a = 0, b = 10, c = 25)[d$group])
  out$w <- out$w0 <- if (is.null(weight)) 1 else weight
  out
}
each <- function(d, ...) {
  names(kinds) <- kinds
  lapply(kinds, function(kind) scores(d, kind, c("b", "c"), ...))
}
d <- empty_entry(cohort(24, 14))
late <- cohort(24, 15)
trend <- function(d, ...) scores(d, "logrank", "dose", ...)
differ <- survdiff(Surv(time, event) ~ group, d)
a <- c(0, 10, 25)
write_reference(list(
  data = as.list(d), late = as.list(late),
  plain = each(prepare(d)), strata = each(prepare(d, strata = TRUE)),
  late_entry = each(prepare(late)),
  ipw = each(prepare(d, weight = d$ipw), robust = TRUE),
  trend = list(
    plain = trend(prepare(d)), strata = trend(prepare(d, strata = TRUE)),
    late_entry = trend(prepare(late)), ipw = trend(prepare(d, weight = d$ipw), robust = TRUE),
    gehan = scores(prepare(d), "gehan", "dose"),
    survdiff = sum(a * (differ$obs - differ$exp))^2 / drop(a %*% differ$var %*% a)
  )
), "weighted_log_rank")
