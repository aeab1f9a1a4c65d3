# Simultaneous bands of km.ci, the critical values it read from its tables, and some of the tables.
source("ugly_data.R")
suppressPackageStartupMessages(library(km.ci))

columns <- c("al02", "al10", "al20", "al40")
table_rows <- c(6, 21, 36, 41, 45)

# Row r is high = 0.1 + 0.02 (r - 1); the name of the column says low.
table_of <- function(m) {
  at <- expand.grid(row = table_rows, column = columns, stringsAsFactors = FALSE)
  value <- m[cbind(at$row, match(at$column, colnames(m)))]
  found <- !is.na(value)
  list(low = as.numeric(sub("al", "", at$column[found])) / 100,
       high = 0.1 + 0.02 * (at$row[found] - 1), value = value[found])
}

bands <- function(d) {
  f <- survfit(Surv(time, event) ~ 1, d)
  between <- range(f$time[f$n.event > 0 & f$surv > 0])
  sigma2 <- cumsum(f$n.event / (f$n.risk * (f$n.risk - f$n.event)))
  methods <- c("epband", "logep", "hall-wellner", "loghall")
  list(data = as.list(d[c("time", "event", "entry")]), between = between,
       methods = lapply(setNames(methods, methods), function(method) {
         b <- km.ci(f, conf.level = 0.95, tl = between[1], tu = between[2], method = method)
         # The critical value that it read from its tables, from any one limit.
         s <- b$surv[1]; v <- sigma2[match(b$time[1], f$time)]
         error <- if (grepl("ep", method)) sqrt(v) else (1 + f$n * v) / sqrt(f$n)
         width <- if (grepl("log", method)) log(log(s) / log(b$upper[1])) * -log(s)
                  else (b$upper[1] - s) / s
         list(time = b$time, survival = b$surv, lower = b$lower, upper = b$upper,
              critical_value = width / error)
       }))
}

write_reference(list(
  tables = list("hall-wellner" = table_of(critical.value.hall.95),
                "equal-precision" = table_of(critical.value.nair.95)),
  cases = list(continuous = bands(continuous(57, 3)), visits = bands(empty_entry(cohort(120, 4))))
), "confidence_bands")
