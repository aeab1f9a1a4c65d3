# Rows of patients who relapse, stop, relapse again and may die: sourced by other scripts here.
# Visits are tied across patients; some enter late, weights and clusters are unequal.
recurrent_rows <- function(patients, seed, grid = c(7, 14, 28, 56, 84, 91.3, 182, 270, 365),
                           between = FALSE) {
  set.seed(seed)
  rows <- NULL
  for (id in seq_len(patients)) {
    state <- sample(c("free", "using"), 1, prob = c(0.8, 0.2))
    entry <- if (runif(1) < 0.3) sample(c(3, 7, 20, 56), 1) else NA
    last <- sample(grid[grid > max(entry, 7, na.rm = TRUE)], 1)
    # Some are last seen between the visits, when nothing else happens.
    if (between) last <- last + sample(c(0, 1.5, 3), 1)
    group <- sample(c("a", "b"), 1); age <- round(rnorm(1, 45, 11)); dose <- round(rexp(1, 1 / 15), 1)
    whole <- sample(1:3, 1); ipw <- round(runif(1, 0.3, 2.5), 3); cluster <- (id - 1) %/% 3
    moves <- grid[grid > max(entry, 0, na.rm = TRUE) & grid < last & runif(length(grid)) < 0.45]
    begin <- entry
    for (stop in c(moves, last)) {
      to <- if (stop < last) setdiff(c("free", "using"), state) else
        sample(c("none", "dead", setdiff(c("free", "using"), state)), 1, prob = c(0.6, 0.2, 0.2))
      rows <- rbind(rows, data.frame(id, entry = begin, time = stop, state, to, group, age, dose,
                                     whole, ipw, cluster))
      begin <- stop
      state <- to
    }
  }
  rows
}
started <- function(d) ifelse(is.na(d$entry), -1, d$entry)
small_rows <- list(
  # Nobody relapses; one patient only; all relapse at one visit; everybody dies.
  no_event = data.frame(id = 1:3, entry = NA, time = c(5, 9, 9), state = "free", to = "none"),
  one_patient = data.frame(id = 1, entry = c(NA, 4, 9), time = c(4, 9, 30),
                           state = c("free", "using", "free"), to = c("using", "free", "none")),
  all_at_once = data.frame(id = 1:4, entry = NA, time = 28, state = "free", to = "using"),
  last_visit = data.frame(id = c(1, 1, 2, 3), entry = c(NA, 28, NA, NA), time = c(28, 84, 84, 84),
                          state = c("free", "using", "free", "free"),
                          to = c("using", "none", "using", "none")),
  everybody_dies = data.frame(id = c(1, 1, 2, 3), entry = c(NA, 2, NA, NA), time = c(2, 9, 9, 9),
                              state = c("free", "using", "free", "free"),
                              to = c("using", "dead", "dead", "dead")),
  # All who were at risk die, then others enter.
  emptied_early = data.frame(id = 1:5, entry = c(NA, NA, 5, 5, 6), time = c(2, 3, 9, 9, 12),
                             state = "free", to = c("dead", "dead", "using", "none", "using"))
)
