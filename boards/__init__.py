"""One TOML file per board: part, family, budgets, clocks, interfaces, prices."""
