.PHONY: demo test check

demo:
	python dev.py demo

test:
	python dev.py test

check:
	python dev.py check
