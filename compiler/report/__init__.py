"""The page a person looks at, and the facts it shows."""
