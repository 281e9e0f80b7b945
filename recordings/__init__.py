"""What AWS answers, as data: public recordings and the best public evidence, each with its source."""
