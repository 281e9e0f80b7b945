"""A model server: what runs in a container of SageMaker's framework images, as one local process."""
