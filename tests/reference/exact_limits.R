# Exact limits of a proportion and of a Poisson rate.
source("ugly_data.R")
counts <- list(c(20, 22), c(14, 22), c(0, 22), c(22, 22), c(1, 1), c(0, 1), c(37, 400))
events <- c(0, 1, 3, 12, 89)
write_reference(list(
  proportion = lapply(counts, function(k) lapply(c(0.95, 0.9), function(level)
    list(successes = k[1], n = k[2], level = level,
         limits = binom.test(k[1], k[2], conf.level = level)$conf.int[1:2]))),
  poisson = lapply(events, function(k) list(
    events = k, person_time = 1234.5,
    limits = poisson.test(k, 1234.5)$conf.int[1:2]))
), "exact_limits")
