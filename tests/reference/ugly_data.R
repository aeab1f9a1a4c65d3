# Data that break estimators: sourced by the other scripts of this folder.
suppressPackageStartupMessages(library(survival))

visits <- c(0, 7, 14, 28, 56, 84, 91.3, 182, 365)

# Tied at visit days, events on day 0 and on the last visit; weights, clusters, strata, late entry.
cohort <- function(n, seed) {
  set.seed(seed)
  d <- data.frame(
    time = sample(visits, n, TRUE), event = rbinom(n, 1, 0.55),
    group = rep(c("a", "b", "c"), length.out = n), stratum = rep(1:2, each = n / 2),
    age = round(rnorm(n, 45, 11)), dose = round(rexp(n, 1 / 15), 1), sex = rbinom(n, 1, 0.5),
    whole = as.numeric(sample(1:3, n, TRUE)), ipw = round(runif(n, 0.3, 2.5), 3),
    cluster = sample(1:(n / 6), n, TRUE)
  )
  d$event[which(d$time == 0)[1:2]] <- 1
  d$event[which(d$time == 365)[1:2]] <- 1
  d$entry <- ifelse(runif(n) < 0.4 & d$time > 7, floor(d$time * runif(n)), NA)
  d
}

rows <- function(time, event, entry = NA)
  data.frame(time = time, event = event, entry = entry)

# R has no empty entry: anybody followed from the origin enters long before it.
started <- function(d) ifelse(is.na(d$entry), -1, d$entry)
response <- function(d) if (all(is.na(d$entry))) Surv(d$time, d$event) else
  Surv(started(d), d$time, d$event)
empty_entry <- function(d) { d$entry <- NA; d }

continuous <- function(n, seed) {
  set.seed(seed)
  t <- rexp(n, 0.01); c <- runif(n, 20, 200)
  rows(pmin(t, c), as.integer(t <= c))
}

small <- list(
  plateau_6 = rows(1:6, 1),
  plateau_14 = rows(1:14, 1),
  plateau_20 = rows(rep(c(30, 61, 91, 182), each = 5), 1),
  plateau_limits = rows(c(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), c(1, 0, 1, 0, 1, 1, 1, 0, 1, 1)),
  plateau_open = rows(c(1, 2, 3, 9, 9, 12), c(1, 1, 1, 0, 0, 0)),
  no_event = rows(c(5, 9, 9, 30), 0),
  everybody = rows(c(4, 4, 11, 28, 28, 28), 1),
  last_visit = rows(c(28, 56, 84, 84, 84), c(1, 0, 1, 1, 0)),
  one_event = rows(17, 1),
  one_censored = rows(17, 0),
  day_zero = rows(c(0, 0, 0, 14, 28, 28, 91), c(1, 1, 0, 1, 0, 1, 0)),
  # Each differs from the one before by rounding only: a chain is one time.
  near_equal = rows(c(0.1 + 0.2, 0.3, 0.3 + 1e-9, 0.3 + 2e-8, 0.7 - 0.1, 0.6, 2, 2 + 3e-8, 5),
                    c(1, 0, 1, 1, 1, 1, 1, 0, 0)),
  near_equal_entry = rows(c(0.3, 0.6, 1, 1, 2, 2, 3), c(1, 1, 0, 1, 1, 0, 1),
                          c(NA, NA, 0.1 + 0.2, 0.3, 0.6, 0.7 - 0.1, 1 + 1e-10)),
  # Everybody at risk fails, then others enter: survival stays 0.
  emptied_early = rows(c(2, 3, 9, 9, 12), c(1, 1, 1, 0, 1), c(NA, NA, 5, 5, 6)),
  continuous = continuous(57, 3)
)

numbers <- function(x) if (is.null(x)) NULL else as.numeric(unname(x))

# jsonlite writes 15 digits at most; 17 bring every double back.
as_json <- function(x) {
  if (is.null(x)) return("null")
  if (is.matrix(x)) x <- lapply(seq_len(nrow(x)), function(i) unname(x[i, ]))
  if (is.list(x)) {
    parts <- vapply(x, as_json, "")
    if (is.null(names(x))) return(paste0("[", paste(parts, collapse = ", "), "]"))
    return(paste0("{", paste0('"', names(x), '": ', parts, collapse = ",\n"), "}"))
  }
  text <- if (is.character(x)) paste0('"', x, '"') else sprintf("%.17g", x)
  text[is.na(x) | (is.numeric(x) & !is.finite(x))] <- "null"
  if (length(x) == 1) text
  else paste0("[", paste(text, collapse = ", "), "]")
}
write_reference <- function(object, name) writeLines(as_json(object), paste0(name, ".json"))
