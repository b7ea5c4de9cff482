// See mobilenet.h. The model is a FlatBuffer that is built here, layer by layer,
// as the paper describes it: a convolution, thirteen pairs of a depthwise and a
// pointwise one, an average, a last convolution, softmax. Its weights are random
// (He's initialisation), so the classes mean nothing; the arithmetic is all there.
#include "mobilenet.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numeric>
#include <vector>

#include "tensorflow/lite/interpreter.h"
#include "tensorflow/lite/model.h"
#include "tensorflow/lite/mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace tflite {
namespace ops {
namespace builtin {
TfLiteRegistration* Register_CONV_2D();
TfLiteRegistration* Register_DEPTHWISE_CONV_2D();
TfLiteRegistration* Register_AVERAGE_POOL_2D();
TfLiteRegistration* Register_RESHAPE();
TfLiteRegistration* Register_SOFTMAX();
} // namespace builtin
} // namespace ops
} // namespace tflite

namespace {

constexpr int SIDE = 224;
constexpr int CLASSES = 1001;
constexpr int BEST = 3;

using flatbuffers::Offset;

// xorshift, and a sum of four as good as normal.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}

    uint32_t next()
    {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<uint32_t>(state_ >> 32);
    }

    float uniform() { return static_cast<float>(next() >> 8) * 0x1p-24f; }

    // Mean 0, variance 1.
    float normal() { return (uniform() + uniform() + uniform() + uniform() - 2) * 1.7320508f; }

  private:
    uint64_t state_;
};

class ModelBuilder {
  public:
    ModelBuilder()
    {
        // By convention buffer 0 is empty, for tensors that are computed.
        buffers_.push_back(tflite::CreateBuffer(out_));
    }

    // The operators' indices are those of finish().
    enum Code { CONV, DEPTHWISE, POOL, RESHAPE, SOFTMAX };

    int activations(std::vector<int> shape) { return tensor(shape, tflite::TensorType_FLOAT32, 0); }

    int weights(const std::vector<int>& shape, float deviation)
    {
        size_t size = 1;
        for (const int side : shape) {
            size *= static_cast<size_t>(side);
        }
        std::vector<float> values(size);
        for (float& value : values) {
            value = random_.normal() * deviation;
        }
        return constant(shape, tflite::TensorType_FLOAT32, values.data(), size * sizeof(float));
    }

    int shape(std::vector<int> values)
    {
        return constant({static_cast<int>(values.size())}, tflite::TensorType_INT32, values.data(),
                        values.size() * sizeof(int));
    }

    void op(Code code, std::vector<int> inputs, int output, tflite::BuiltinOptions type, Offset<void> options)
    {
        operators_.push_back(tflite::CreateOperator(out_, code, out_.CreateVector(inputs),
                                                    out_.CreateVector(std::vector<int>{output}), type, options));
    }

    // A convolution with stride and bias; returns its output and halves `side` where the stride is 2.
    int conv(int input, int* side, int from, int to, int kernel, int stride, bool activate)
    {
        const int w = weights({to, kernel, kernel, from}, std::sqrt(2.0f / static_cast<float>(kernel * kernel * from)));
        const int b = weights({to}, 0.01f);
        *side = (*side + stride - 1) / stride;
        const int output = activations({1, *side, *side, to});
        const auto options = tflite::CreateConv2DOptions(
            out_, tflite::Padding_SAME, stride, stride,
            activate ? tflite::ActivationFunctionType_RELU6 : tflite::ActivationFunctionType_NONE);
        op(CONV, {input, w, b}, output, tflite::BuiltinOptions_Conv2DOptions, options.Union());
        return output;
    }

    int depthwise(int input, int* side, int channels, int stride)
    {
        const int w = weights({1, 3, 3, channels}, std::sqrt(2.0f / 9));
        const int b = weights({channels}, 0.01f);
        *side = (*side + stride - 1) / stride;
        const int output = activations({1, *side, *side, channels});
        const auto options = tflite::CreateDepthwiseConv2DOptions(out_, tflite::Padding_SAME, stride, stride, 1,
                                                                  tflite::ActivationFunctionType_RELU6);
        op(DEPTHWISE, {input, w, b}, output, tflite::BuiltinOptions_DepthwiseConv2DOptions, options.Union());
        return output;
    }

    int average(int input, int side, int channels)
    {
        const int output = activations({1, 1, 1, channels});
        const auto options = tflite::CreatePool2DOptions(out_, tflite::Padding_VALID, 2, 2, side, side);
        op(POOL, {input}, output, tflite::BuiltinOptions_Pool2DOptions, options.Union());
        return output;
    }

    int softmax(int input)
    {
        const int flat = activations({1, CLASSES});
        const auto reshape = tflite::CreateReshapeOptionsDirect(out_, &flat_shape_);
        op(RESHAPE, {input, shape(flat_shape_)}, flat, tflite::BuiltinOptions_ReshapeOptions, reshape.Union());
        const int output = activations({1, CLASSES});
        const auto options = tflite::CreateSoftmaxOptions(out_, 1.0f);
        op(SOFTMAX, {flat}, output, tflite::BuiltinOptions_SoftmaxOptions, options.Union());
        return output;
    }

    // The model, where it was built: nothing of it is copied, or left over for the snapshot.
    flatbuffers::DetachedBuffer finish(int input, int output)
    {
        std::vector<Offset<tflite::OperatorCode>> codes;
        for (const auto code : {tflite::BuiltinOperator_CONV_2D, tflite::BuiltinOperator_DEPTHWISE_CONV_2D,
                                tflite::BuiltinOperator_AVERAGE_POOL_2D, tflite::BuiltinOperator_RESHAPE,
                                tflite::BuiltinOperator_SOFTMAX}) {
            codes.push_back(tflite::CreateOperatorCode(out_, code));
        }
        const std::vector<int> inputs = {input};
        const std::vector<int> outputs = {output};
        const std::vector<Offset<tflite::SubGraph>> graphs = {
            tflite::CreateSubGraphDirect(out_, &tensors_, &inputs, &outputs, &operators_)};
        out_.Finish(tflite::CreateModelDirect(out_, 3, &codes, &graphs, "MobileNet v1, random", &buffers_), "TFL3");
        return out_.Release();
    }

  private:
    int tensor(const std::vector<int>& shape, tflite::TensorType type, size_t buffer)
    {
        const std::string name = "tensor" + std::to_string(tensors_.size());
        tensors_.push_back(
            tflite::CreateTensorDirect(out_, &shape, type, static_cast<uint32_t>(buffer), name.c_str()));
        return static_cast<int>(tensors_.size()) - 1;
    }

    int constant(const std::vector<int>& shape, tflite::TensorType type, const void* data, size_t size)
    {
        out_.ForceVectorAlignment(size, 1, 16);
        const auto bytes = out_.CreateVector(static_cast<const uint8_t*>(data), size);
        buffers_.push_back(tflite::CreateBuffer(out_, bytes));
        return tensor(shape, type, buffers_.size() - 1);
    }

    flatbuffers::FlatBufferBuilder out_{20 << 20};
    Random random_{1};
    std::vector<int> flat_shape_ = {1, CLASSES};
    std::vector<Offset<tflite::Buffer>> buffers_;
    std::vector<Offset<tflite::Tensor>> tensors_;
    std::vector<Offset<tflite::Operator>> operators_;
};

flatbuffers::DetachedBuffer mobilenet()
{
    ModelBuilder builder;
    int side = SIDE;
    const int input = builder.activations({1, SIDE, SIDE, 3});
    int now = builder.conv(input, &side, 3, 32, 3, 2, true);
    int channels = 32;
    const struct {
        int channels;
        int stride;
    } pairs[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                 {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    for (const auto& pair : pairs) {
        now = builder.depthwise(now, &side, channels, pair.stride);
        now = builder.conv(now, &side, channels, pair.channels, 1, 1, true);
        channels = pair.channels;
    }
    now = builder.average(now, side, channels);
    side = 1;
    now = builder.conv(now, &side, channels, CLASSES, 1, 1, false);
    return builder.finish(input, builder.softmax(now));
}

flatbuffers::DetachedBuffer bytes;
std::unique_ptr<tflite::FlatBufferModel> model;
std::unique_ptr<tflite::Interpreter> interpreter;

} // namespace

bool prepare()
{
    bytes = mobilenet();
    model = tflite::FlatBufferModel::VerifyAndBuildFromBuffer(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!model) {
        return false;
    }
    tflite::MutableOpResolver operators;
    using namespace tflite::ops::builtin;
    operators.AddBuiltin(tflite::BuiltinOperator_CONV_2D, Register_CONV_2D());
    operators.AddBuiltin(tflite::BuiltinOperator_DEPTHWISE_CONV_2D, Register_DEPTHWISE_CONV_2D());
    operators.AddBuiltin(tflite::BuiltinOperator_AVERAGE_POOL_2D, Register_AVERAGE_POOL_2D());
    operators.AddBuiltin(tflite::BuiltinOperator_RESHAPE, Register_RESHAPE());
    operators.AddBuiltin(tflite::BuiltinOperator_SOFTMAX, Register_SOFTMAX());
    if (tflite::InterpreterBuilder(*model, operators)(&interpreter) != kTfLiteOk) {
        return false;
    }
    interpreter->SetNumThreads(1);
    return interpreter->AllocateTensors() == kTfLiteOk;
}

std::string classify(uint32_t image)
{
    Random random(image + 1);
    float* pixels = interpreter->typed_input_tensor<float>(0);
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        pixels[i] = random.uniform() * 2 - 1;
    }
    if (interpreter->Invoke() != kTfLiteOk) {
        return "";
    }
    const float* scores = interpreter->typed_output_tensor<float>(0);
    std::vector<int> ranked(CLASSES);
    std::iota(ranked.begin(), ranked.end(), 0);
    std::partial_sort(ranked.begin(), ranked.begin() + BEST, ranked.end(),
                      [=](int a, int b) { return scores[a] > scores[b]; });
    std::string text;
    for (int i = 0; i < BEST; i++) {
        char part[64];
        std::snprintf(part, sizeof part, "%s%d %.6f", i == 0 ? "" : " ", ranked[i],
                      static_cast<double>(scores[ranked[i]]));
        text += part;
    }
    return text;
}
