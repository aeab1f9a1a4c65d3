# Exact log-rank tests: survdiff's chi-square for every assignment, one after the other.
source("ugly_data.R")
chisq <- function(d, group, rho, strata) {
  d$group <- group
  f <- if (strata) Surv(time, event) ~ group + strata(stratum) else Surv(time, event) ~ group
  fit <- tryCatch(survdiff(f, d, rho = rho), error = function(e) NULL)
  # Where only one group is ever at risk at an event there is no variance: no evidence.
  if (is.null(fit) || is.na(fit$chisq)) 0 else fit$chisq
}
choose_b <- function(rows, m) combn(rows, m, simplify = FALSE)
exact <- function(d, rho = 0, strata = FALSE) {
  b <- which(d$group == "b")
  sets <- if (!strata) choose_b(seq_len(nrow(d)), length(b)) else {
    each <- lapply(split(seq_len(nrow(d)), d$stratum), function(rows)
      choose_b(rows, sum(d$group[rows] == "b")))
    pairs <- expand.grid(seq_along(each[[1]]), seq_along(each[[2]]))
    lapply(seq_len(nrow(pairs)), function(i)
      c(each[[1]][[pairs[i, 1]]], each[[2]][[pairs[i, 2]]]))
  }
  statistic <- vapply(sets, function(set)
    chisq(d, ifelse(seq_len(nrow(d)) %in% set, "b", "a"), rho, strata), 0)
  observed <- chisq(d, d$group, rho, strata)
  at_least <- sum(statistic >= observed * (1 - 1e-9))
  list(statistic = observed, assignments = length(sets), at_least = at_least,
       p_value = at_least / length(sets))
}
d <- empty_entry(cohort(12, 31))
d$group <- rep(c("a", "b", "b"), 4)
apart <- data.frame(time = 1:11, event = c(1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0),
                    group = c(rep("b", 4), rep("a", 7)))
write_reference(list(
  data = as.list(d), plain = exact(d), rho = exact(d, 1), strata = exact(d, strata = TRUE),
  apart = c(list(data = as.list(apart)), exact(apart))
), "exact_log_rank")
