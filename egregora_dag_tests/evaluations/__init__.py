"""How well what is inferred agrees with what people annotated."""
