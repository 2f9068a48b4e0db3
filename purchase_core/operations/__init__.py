"""Operations: what keeps a billing going, and what people do when something was wrong."""
