"""A cleaning robot made of code: drives, cleans and speaks VDA 5050 like one, and misbehaves where it is told to."""
