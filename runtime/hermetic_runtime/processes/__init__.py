"""Guest processes: one disposable OS process for each sandbox, and who watches over it."""
