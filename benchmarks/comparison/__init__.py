"""What `versus.py` is made of.

row, rows  what is compared with what
itself     the rows of fastseg beside itself: threads, AVX2, orientations
sole       rows of seconds, and of one volume turned about
vectors    this machine's, and code for narrower ones
targets    what must be reached, from targets.toml
baselines  what fastseg runs beside, in its own process: reading, bincount, unzipping
peers      what each peer runs
worker     the process that each of them lives in
agreement  whether two answers are the same
measure    a row: check, then time in turns
alone      memory and start-up, which need fresh processes
report     the table
merged     new rows in a page of before
stored     the table, read back
figures    the plot and the README's table, made from it
"""
