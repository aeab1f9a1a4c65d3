# Covariates and coefficients of Cox's model that change with time.
source("ugly_data.R")
control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)

# Rows of 40 patients: pieces between visits, a dose that changes, sometimes a gap, one event each;
# `again` has further events in earlier pieces.
set.seed(41)
pieces <- do.call(rbind, lapply(1:40, function(i) {
  cuts <- sort(sample(visits[2:8], sample(1:4, 1)))
  start <- c(NA, cuts[-length(cuts)])
  data.frame(id = i, entry = start, time = cuts, event = 0, age = round(rnorm(1, 45, 11)),
             dose = round(rexp(length(cuts), 1 / 15), 1), stratum = 1 + i %% 2,
             whole = as.numeric(sample(1:3, 1)), ipw = round(runif(1, 0.3, 2.5), 3))
}))
last <- !duplicated(pieces$id, fromLast = TRUE)
pieces$event[last] <- rbinom(sum(last), 1, 0.7)
pieces <- pieces[-which(!last)[c(4, 11)], ]
pieces <- pieces[sample(nrow(pieces)), ]
pieces$again <- pmax(pieces$event, rbinom(nrow(pieces), 1, 0.2))

result <- function(f) list(
  coef = numbers(coef(f)),
  std_error = numbers(sqrt(diag(if (is.null(f$naive.var)) f$var else f$naive.var))),
  robust_std_error = if (is.null(f$naive.var)) NULL else numbers(sqrt(diag(f$var))),
  loglik = f$loglik)
response <- function(event) Surv(started(pieces), pieces$time, event)
rows <- list()
for (ties in c("efron", "breslow")) {
  fit <- function(formula, ...) {
    f <- eval(substitute(coxph(formula, pieces, ..., ties = ties, control = control)))
    c(result(f), list(concordance = numbers(f$concordance[6:7]),
                      zph = unname(cox.zph(f, "identity")$table)))
  }
  rows[[ties]] <- list(
    plain = fit(response(event) ~ age + dose),
    id = fit(response(event) ~ age + dose, id = id),
    again = fit(response(again) ~ age + dose, id = id),
    again_strata = fit(response(again) ~ age + dose + strata(stratum), id = id, weights = whole),
    ipw = fit(response(event) ~ age + dose, id = id, weights = ipw),
    cluster = fit(response(event) ~ age + dose, id = id, cluster = stratum)
  )
}

d <- cohort(60, 43)
d <- d[d$time > 0, ]
late <- function(d) Surv(started(d), d$time, d$event)
changes <- list(
  log = function(x, t, ...) x * log(t),
  identity = function(x, t, ...) x * t,
  steps = function(x, t, ...) cbind(x * (t > 20), x * (t > 84))
)
tt <- list()
for (ties in c("efron", "breslow")) for (change in names(changes)) {
  fit <- function(formula, ...) result(eval(substitute(
    coxph(formula, d, ..., ties = ties, control = control, tt = changes[[change]]))))
  tt[[ties]][[change]] <- list(
    plain = fit(Surv(time, event) ~ age + sex + tt(age)),
    whole = fit(Surv(time, event) ~ age + sex + tt(age), weights = whole),
    strata = fit(Surv(time, event) ~ age + sex + tt(age) + strata(stratum)),
    late = fit(late(d) ~ age + sex + tt(age))
  )
}
# Where errors are robust, the pieces of a row are one: by survSplit, with the row as cluster.
d$row <- seq_len(nrow(d))
split <- survSplit(Surv(time, event) ~ ., d[names(d) != "entry"], cut = sort(unique(d$time[d$event == 1])))
split$log_age <- split$age * log(split$time)
robust <- coxph(Surv(tstart, time, event) ~ age + sex + log_age, split, weights = ipw,
                cluster = row, control = control)
write_reference(list(
  pieces = as.list(pieces), rows = rows, data = as.list(d), tt = tt, robust = result(robust)
), "cox_time")
