// An ordinary C++ program: no SDK. Streams, containers, virtual calls and
// static construction.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};

struct Square : Shape {
    explicit Square(double side) : side(side) {}
    double area() const override { return side * side; }
    double side;
};

const std::map<std::string, int> lengths = [] {
    std::map<std::string, int> made;
    for (const std::string word : {"Hello", "from", "C++"}) {
        made[word] = static_cast<int>(word.size());
    }
    return made;
}();

} // namespace

int main()
{
    for (const auto& [word, length] : lengths) {
        std::cout << word << ": " << length << '\n';
    }
    std::vector<std::unique_ptr<Shape>> shapes;
    for (double side : {3.0, 1.5, 2.0}) {
        shapes.push_back(std::make_unique<Square>(side));
    }
    std::sort(shapes.begin(), shapes.end(), [](const auto& a, const auto& b) {
        return a->area() < b->area();
    });
    for (const auto& shape : shapes) {
        std::cout << shape->area() << ' ';
    }
    std::cout << std::endl;
    return 0;
}
