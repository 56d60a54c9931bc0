"""The cold chain: what is alarming about readings, who is told and what was done about it, and the record of it all."""
