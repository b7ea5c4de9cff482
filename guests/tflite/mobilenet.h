// MobileNet v1 (1.0, 224 x 224, 1001 classes) in TensorFlow Lite.
#pragma once
#include <cstdint>
#include <string>

// Makes the model, with weights from a fixed seed, and an interpreter for it.
// False where TensorFlow Lite refuses.
bool prepare();

// Classifies an image that is made of this number. "CLASS PROBABILITY" of the
// three best, or empty where TensorFlow Lite fails.
std::string classify(uint32_t image);
