"""From a musician's recordings to training material: reading, cutting, listening, transcribing, and what the trainings read."""
