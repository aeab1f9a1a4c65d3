# Curves of given resamples: patients drawn, of each resample, and survival at some times.
source("ugly_data.R")
ask <- c(7, 28, 90, 182)
case <- function(d, weights = rep(1, nrow(d)), resamples = 6) {
  set.seed(81)
  drawn <- lapply(seq_len(resamples), function(i) sample(nrow(d), replace = TRUE))
  list(data = c(as.list(d[c("time", "event", "entry")]), list(weight = weights)),
       time = ask, drawn = drawn,
       survival = lapply(drawn, function(i) {
         f <- survfit(response(d)[i] ~ 1, weights = weights[i], robust = FALSE)
         # R carries the last value on; past the last follow-up there is no estimate.
         s <- summary(f, times = ask, extend = TRUE)$surv
         ifelse(ask > max(d$time[i]) & s > 0, NA, s)
       }))
}
d <- cohort(120, 7)
free <- empty_entry(d)
write_reference(list(
  visits = case(free), whole_weights = case(free, d$whole), ipw = case(free, d$ipw),
  late = case(d), late_ipw = case(d, d$ipw), continuous = case(small$continuous),
  short = case(rows(c(5, 20, 40, 95, 182, 200), c(1, 1, 0, 1, 0, 0)), resamples = 20),
  emptied_early = case(small$emptied_early, resamples = 20)
), "bootstrap")
