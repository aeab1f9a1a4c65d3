# Reads rows.csv (time, event, optionally cause, lower, upper, group, entry, weight and covariates) and
# writes what R survival makes of them to standard output, as quantity and value, a tab between, 17
# digits.
arguments <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages(library(survival))
d <- read.csv(arguments[1], stringsAsFactors = TRUE)
at <- as.numeric(strsplit(arguments[2], ",")[[1]])
tau <- as.numeric(arguments[3])
say <- function(name, value) cat(sprintf("%s\t%.17g\n", name, value), sep = "")

response <- if ("entry" %in% names(d)) {
  # An empty entry is from before time 0; -1 comes before every time.
  Surv(ifelse(is.na(d$entry), -1, d$entry), d$time, d$event)
} else Surv(d$time, d$event)
w <- if ("weight" %in% names(d)) d$weight else rep(1, nrow(d))
fit <- survfit(response ~ 1, weights = w, conf.type = "log-log")
found <- summary(fit, times = at, extend = FALSE)
for (k in seq_along(found$time)) {
  label <- sprintf("S(%g)", found$time[k])
  say(label, found$surv[k])
  say(paste(label, "standard error"), found$std.err[k])
  say(paste(label, "lower"), found$lower[k])
  say(paste(label, "upper"), found$upper[k])
}
if ("cause" %in% names(d)) {
  ended <- factor(d$cause, sort(unique(c(0, d$cause))))
  y <- if ("entry" %in% names(d)) Surv(response[, 1], d$time, ended) else Surv(d$time, ended)
  f <- survfit(y ~ 1, weights = w, id = seq_len(nrow(d)), conf.type = "log-log")
  found <- summary(f, times = at, extend = FALSE)
  for (k in seq_along(found$time)) for (j in seq_along(f$states)[-1]) {
    label <- sprintf("F%s(%g)", f$states[j], found$time[k])
    say(label, found$pstate[k, j])
    say(paste(label, "standard error"), found$std.err[k, j])
    say(paste(label, "lower"), found$lower[k, j])
    say(paste(label, "upper"), found$upper[k, j])
  }
}
if ("lower" %in% names(d)) {
  f <- survfit(Surv(d$lower, d$upper, type = "interval2") ~ 1)
  found <- summary(f, times = at, extend = TRUE)
  for (k in seq_along(at)) say(sprintf("S(%g) between visits", at[k]), found$surv[k])
}
median <- quantile(fit, 0.5)
say("median", median$quantile)
say("median lower", median$lower)
say("median upper", median$upper)
mean <- summary(fit, rmean = tau)$table
say("restricted mean", mean[["rmean"]])
say("restricted mean standard error", mean[["se(rmean)"]])
if ("group" %in% names(d) && !("entry" %in% names(d)) && !("weight" %in% names(d))) {
  say("log-rank", survdiff(response ~ d$group)$chisq)
}
for (i in seq_along(arguments[-(1:3)])) {
  formula <- arguments[3 + i]
  columns <- strsplit(formula, "\\|")[[1]]
  m <- coxph(as.formula(paste("response ~", columns[2])), data = d, weights = w,
             control = coxph.control(eps = 1e-13, iter.max = 50))
  for (k in seq_along(coef(m))) {
    say(sprintf("%s: coefficient %d", columns[1], k), coef(m)[k])
    say(sprintf("%s: standard error %d", columns[1], k), sqrt(diag(vcov(m)))[k])
  }
  say(sprintf("%s: log likelihood", columns[1]), m$loglik[2])
  say(sprintf("%s: concordance", columns[1]), m$concordance[["concordance"]])
  z <- cox.zph(m, transform = "km")$table
  say(sprintf("%s: proportional hazards, all terms", columns[1]), z["GLOBAL", "chisq"])
}
