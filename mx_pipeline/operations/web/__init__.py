"""The HTTP door: what people and programs ask for over the network; each file holds one kind of question."""
